import { ChangeDetectionStrategy, Component, computed, input } from '@angular/core';
import { RouterLink } from '@angular/router';

import type { Match, Tag } from '../api/types';
import { chosen, nameKey, sharedNames } from '../capture/verdict';
import { clock, fixed, percent, power } from '../ui/format';

/** Every candidate with its figures, whatever the verdict. */
@Component({
  selector: 'em-candidates',
  imports: [RouterLink],
  changeDetection: ChangeDetectionStrategy.OnPush,
  template: `
    <section class="figure" aria-labelledby="candidates-heading">
      <header>
        <h2 id="candidates-heading">All candidates</h2>
        <p>The best alignments, best first. {{ note() }}</p>
      </header>
      <div class="table-scroll" tabindex="0" role="region" aria-label="Table of all candidates">
        <table>
          <thead>
            <tr>
              <th scope="col">Track</th>
              <th scope="col" class="number">Place</th>
              <th scope="col" class="number">Agreement</th>
              <th scope="col" class="number">Deviations</th>
              <th scope="col" class="number">By chance</th>
              <th scope="col" class="number">Confidence</th>
              <th scope="col" class="number">Nats</th>
            </tr>
          </thead>
          <tbody>
            @for (match of tag().matches; track match.track_id; let rank = $index) {
              <tr [class.named]="rank < named()">
                <th scope="row">
                  {{ rank + 1 }}.
                  <a [routerLink]="['/tracks', match.track_id]"
                    ><bdi>{{ match.title }}</bdi></a
                  >{{ rank < named() ? ' ✓' : '' }}
                  <small>{{ sub(match) }}</small>
                  @if (copyOf(rank); as first) {
                    <small>the same recording as {{ first }}</small>
                  }
                </th>
                <td class="number">{{ match.offset_s === null ? '–' : clock(match.offset_s, 1) }}</td>
                <td class="number">{{ match.agreement === null ? '–' : fixed(match.agreement, 2) }}</td>
                <td class="number">{{ match.z === null ? '–' : fixed(match.z, 1) }}</td>
                <td class="number">{{ match.log10_e_value === null ? '–' : power(match.log10_e_value) }}</td>
                <td class="number">{{ match.confidence === null ? '–' : percent(match.confidence) }}</td>
                <td class="number">{{ match.divergence === null ? '–' : fixed(match.divergence, 1) }}</td>
              </tr>
            }
          </tbody>
        </table>
      </div>
    </section>
  `,
})
export class Candidates {
  readonly tag = input.required<Tag>();

  protected readonly named = computed(() => chosen(this.tag()).length);
  private readonly shared = computed(() => sharedNames(this.tag().matches));
  protected readonly note = computed(() =>
    this.named() ? '✓ marks what the verdict names.' : 'None of them is good enough to be named.',
  );

  /** Artist; the file too where only that tells copies apart. */
  protected sub(match: Match): string {
    if (match.artist === null) return match.source;
    return this.shared().has(nameKey(match)) ? `${match.artist} · ${match.source}` : match.artist;
  }

  /** Place in the list of the best track of the same recording, if it is another one. */
  protected copyOf(rank: number): number | null {
    const matches = this.tag().matches;
    const first = matches.findIndex((match) => match.recording === matches[rank]!.recording);
    return first < rank ? first + 1 : null;
  }

  protected readonly clock = clock;
  protected readonly fixed = fixed;
  protected readonly percent = percent;
  protected readonly power = power;
}
