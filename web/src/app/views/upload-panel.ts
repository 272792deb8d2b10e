import { ChangeDetectionStrategy, Component, computed, inject, input, signal } from '@angular/core';
import { RouterLink } from '@angular/router';

import { bytes, clock } from '../ui/format';
import { Icon } from '../ui/icon';
import { type UploadKind, Uploads, type UploadState } from './uploads';

const ORDER: readonly UploadState[] = ['failed', 'sending', 'modelling', 'waiting', 'added', 'present'];
/** Lines that are shown without being asked for. */
const FEW = 6;

/** Files of a kind that are on their way, and what became of those before; nothing if there are none. */
@Component({
  selector: 'em-upload-panel',
  imports: [Icon, RouterLink],
  changeDetection: ChangeDetectionStrategy.OnPush,
  templateUrl: './upload-panel.html',
})
export class UploadPanel {
  readonly kind = input.required<UploadKind>();
  /** While some are under way, and afterwards. */
  readonly headings = input.required<readonly [string, string]>();

  protected readonly uploads = inject(Uploads);
  protected readonly list = computed(() => this.uploads.list().filter((upload) => upload.kind === this.kind()));
  /** Failures first, then what is under way, then what is done; what waits is counted. */
  private readonly sorted = computed(() =>
    [...this.list()].sort((a, b) => ORDER.indexOf(a.state) - ORDER.indexOf(b.state) || a.number - b.number),
  );
  protected readonly all = signal(false);
  protected readonly shown = computed(() => (this.all() ? this.sorted() : this.sorted().slice(0, FEW)));
  protected readonly more = computed(() => this.list().length - FEW);
  protected readonly summary = computed(() => {
    const of = (...states: UploadState[]) => this.list().filter((upload) => states.includes(upload.state)).length;
    const failed = of('failed');
    const done = `${of('added', 'present', 'failed')} of ${this.list().length} done`;
    return failed ? `${done}, ${failed} failed` : done;
  });
  protected readonly waiting = computed(() => this.list().filter((upload) => upload.state === 'waiting').length);
  protected readonly active = computed(
    () => this.list().filter((upload) => ['waiting', 'sending', 'modelling'].includes(upload.state)).length,
  );
  protected readonly bytes = bytes;
  protected readonly clock = clock;
}
