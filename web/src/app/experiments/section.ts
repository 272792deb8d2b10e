/** The views of experiments, which are loaded together. */
export { Compare } from './compare';
export { ExperimentView } from './experiment-view';
export { Experiments } from './experiments';
