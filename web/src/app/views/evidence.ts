/** What draws divergence and mixtures, loaded together: a tag, and the windows of a track. */
export { TrackWindows } from '../collection/track-windows';
export { TagView } from './tag-view';
