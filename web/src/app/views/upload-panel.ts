import { ChangeDetectionStrategy, Component, computed, inject, input } from '@angular/core';
import { RouterLink } from '@angular/router';

import { bytes, clock } from '../ui/format';
import { Icon } from '../ui/icon';
import { type UploadKind, Uploads } from './uploads';

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
  protected readonly active = computed(
    () => this.list().filter((upload) => ['waiting', 'sending', 'modelling'].includes(upload.state)).length,
  );
  protected readonly bytes = bytes;
  protected readonly clock = clock;
}
