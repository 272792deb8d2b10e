/** The views of the library, which are loaded together. */
export { Library } from '../views/library';
export { DuplicatesView } from './duplicates';
export { MapView } from './map-view';
export { TrackView } from './track-view';
