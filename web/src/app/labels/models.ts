import { httpResource } from '@angular/common/http';
import { ChangeDetectionStrategy, Component, computed, inject, linkedSignal, signal } from '@angular/core';
import type { Observable } from 'rxjs';

import { RouterLink } from '@angular/router';

import { Api, API } from '../api/client';
import { optional } from '../api/key';
import { Me } from '../api/me';
import { troubleOf, type Trouble } from '../api/problem';
import type { LabelModel, LabelModels } from '../api/types';
import { Announcer } from '../ui/announcer';
import { Icon } from '../ui/icon';
import { TroubleNote } from '../ui/trouble-note';
import { cardWords, weaknesses } from './words';

/** The models that name genre and the like, with their cards; administrators choose which of them answers. */
@Component({
  selector: 'em-models',
  imports: [Icon, RouterLink, TroubleNote],
  changeDetection: ChangeDetectionStrategy.OnPush,
  templateUrl: './models.html',
})
export class Models {
  private readonly api = inject(Api);
  private readonly announcer = inject(Announcer);
  protected readonly me = inject(Me);

  private readonly resource = httpResource<LabelModels>(() => ({ url: `${API}/label-models`, context: optional() }));
  private readonly models = linkedSignal<LabelModels | undefined, LabelModels | undefined>({
    source: () => (this.resource.hasValue() ? this.resource.value() : undefined),
    computation: (value, previous) => value ?? previous?.value,
  });
  protected readonly failure = computed(() => (this.resource.error() ? troubleOf(this.resource.error()) : null));
  protected readonly trouble = signal<Trouble | null>(null);
  protected readonly saving = signal(false);
  protected readonly tasks = computed(() => {
    const models = this.models()?.models ?? [];
    return [...new Set(models.map((model) => model.task))].map((task) => ({
      task,
      models: models.filter((model) => model.task === task),
    }));
  });

  protected activate(model: LabelModel): void {
    this.change(this.api.activateModel(model.task, model.version));
  }

  protected rollBack(task: string): void {
    this.change(this.api.rollbackModel(task), {
      name: 'model_not_found',
      title: 'There is no earlier choice',
      detail: 'No other model was chosen for this before.',
    });
  }

  private change(request: Observable<LabelModel>, missing?: Trouble): void {
    this.saving.set(true);
    this.trouble.set(null);
    request.subscribe({
      next: (model) => {
        this.saving.set(false);
        this.announcer.say(`${model.version} answers for ${model.task} from now on.`);
        this.resource.reload();
      },
      error: (error: unknown) => {
        this.saving.set(false);
        const trouble = troubleOf(error);
        this.trouble.set(missing && trouble.name === missing.name ? missing : trouble);
      },
    });
  }

  protected reload(): void {
    this.resource.reload();
  }

  protected readonly cardWords = cardWords;
  protected readonly weaknesses = weaknesses;
}
