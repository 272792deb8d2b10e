/** The views of labels, which are loaded together. */
export { CompareSongs } from './compare';
export { LabelsView } from './labels';
export { ModelView } from './model-view';
export { Train } from './train';
