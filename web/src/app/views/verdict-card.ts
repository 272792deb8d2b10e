import { ChangeDetectionStrategy, Component, computed, inject, input } from '@angular/core';
import { RouterLink } from '@angular/router';

import { Me } from '../api/me';
import type { Tag } from '../api/types';
import { chosen, parts, remarkSentences, tiedWords, VERDICT_ICONS, VERDICT_WORDS, works } from '../capture/verdict';
import { TrackLine } from '../charts/track-line';
import { clock, confidenceWords, count, fixed, moment, percent, power, speedWords } from '../ui/format';
import { Icon } from '../ui/icon';

interface Fact {
  readonly name: string;
  readonly value: string;
  readonly note: string;
}

const PARTLY = 'The search stopped early: part of the library was compared by divergence only.';

function plural(number: number, noun: string): string {
  return `${count(number)} ${noun}${number === 1 ? '' : 's'}`;
}

/** The answer: which track, where in it, how sure; or honestly none. */
@Component({
  selector: 'em-verdict-card',
  imports: [Icon, RouterLink, TrackLine],
  changeDetection: ChangeDetectionStrategy.OnPush,
  templateUrl: './verdict-card.html',
})
export class VerdictCard {
  readonly tag = input.required<Tag>();
  protected readonly me = inject(Me);

  protected readonly chosen = computed(() => chosen(this.tag()));
  protected readonly works = computed(() => works(this.tag()));
  /** Whether all that it names are copies of one recording, as far as the snippet tells. */
  protected readonly copies = computed(() => new Set(this.chosen().map((match) => match.recording)).size === 1);
  protected readonly parts = computed(() => parts(this.tag()));
  protected readonly remarks = computed(() => remarkSentences(this.tag().remarks));
  protected readonly tied = computed(() => tiedWords(this.tag()));
  /** The album that all of them are on, or empty. */
  protected readonly commonAlbum = computed(() => {
    const albums = new Set(this.chosen().map((match) => match.album ?? ''));
    return albums.size === 1 ? [...albums][0]! : '';
  });
  /** How many that tie are beyond the list of matches. */
  protected readonly unlisted = computed(() => (this.tag().tied ?? 0) - this.chosen().length);
  /** How sure it is of one of them, in words and as a number; empty where the service does not say. */
  protected readonly sure = computed(() => {
    const shares = this.chosen().map((match) => match.confidence);
    if (shares.length === 0 || shares.includes(null)) return '';
    // Copies share the probability of their recording.
    const confidence = shares.reduce<number>((sum, share) => sum + (share ?? 0), 0);
    return `${confidenceWords(confidence)} (${percent(confidence)})`;
  });
  protected readonly word = computed(() => VERDICT_WORDS[this.tag().verdict]);
  protected readonly icon = computed(() => VERDICT_ICONS[this.tag().verdict]);
  protected readonly created = computed(() => moment(new Date(this.tag().recorded ?? this.tag().created)));
  protected readonly nearest = computed(() => this.tag().nearest[0] ?? null);
  /** Whether there was anything to compare the snippet with. */
  protected readonly compared = computed(() => this.tag().searched.windows + this.tag().searched.aligned_tracks > 0);
  /** What was looked at, in a sentence. */
  protected readonly searched = computed(() => {
    const { windows, aligned_tracks, complete } = this.tag().searched;
    if (!this.compared()) return 'The library is empty, or too little of the snippet can be compared.';
    const scope = complete ? 'No track was left out.' : PARTLY;
    return `Compared with ${plural(windows, 'window')} by divergence and aligned with ${plural(aligned_tracks, 'track')}. ${scope}`;
  });
  protected readonly facts = computed(() => {
    const match = this.chosen()[0];
    if (!match) return this.unknownFacts();
    const facts: Fact[] = [];
    if (match.speed !== null) facts.push({ name: 'Speed', value: speedWords(match.speed), note: '' });
    if (match.agreement !== null)
      facts.push({
        name: 'Agreement',
        value: fixed(match.agreement, 2),
        note: match.z === null ? '' : `${fixed(match.z, 1)} deviations above chance`,
      });
    if (match.log10_e_value !== null)
      facts.push({
        name: 'Expected by chance',
        value: power(match.log10_e_value),
        note: 'false matches this good, in the whole library',
      });
    if (match.divergence !== null)
      facts.push({ name: 'Divergence', value: `${fixed(match.divergence, 1)} nats`, note: '' });
    return facts;
  });

  /** An honest "no" says how far it looked and how near the best candidate came. */
  private unknownFacts(): Fact[] {
    const { searched, matches } = this.tag();
    const facts: Fact[] = [
      { name: 'Compared by divergence', value: plural(searched.windows, 'window'), note: '' },
      {
        name: 'Aligned',
        value: plural(searched.aligned_tracks, 'track'),
        note: searched.complete ? 'no track was left out' : PARTLY,
      },
    ];
    const best = matches[0];
    if (best && best.agreement !== null) {
      const note = best.z === null ? '' : `${fixed(best.z, 1)} deviations: not enough`;
      facts.push({ name: 'Best agreement', value: `${fixed(best.agreement, 2)}, ${best.title}`, note });
    }
    return facts;
  }

  protected readonly clock = clock;
  protected readonly confidenceWords = confidenceWords;
  protected readonly fixed = fixed;
  protected readonly percent = percent;
  protected readonly plural = plural;
}
