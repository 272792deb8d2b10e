/** The small views, which are loaded together. */
export { Batch } from './batch';
export { History } from './history';
export { NotFound } from './not-found';
