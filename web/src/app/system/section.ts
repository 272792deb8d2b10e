/** The views of those who run the service, which are loaded together. */
export { CataloguesView } from '../catalogues/catalogues';
export { KeysView } from '../keys/keys-view';
export { System } from './system';
