/** The views of long recordings, which are loaded together. */
export { CompareTracklists } from './compare-tracklists';
export { LiveView } from './live-view';
export { TracklistView } from './tracklist-view';
export { Tracklists } from './tracklists';
