import { SHIPPED } from './shipped';

/** Parameters of features, under the names of the service's documentation. */
export const CONFIG = SHIPPED.config;
/** First bytes of a hash of all that models depend on: the service compares them with its own. */
export const FEATURES = Uint8Array.from({ length: 8 }, (_, at) =>
  parseInt(SHIPPED.features.slice(2 * at, 2 * at + 2), 16),
);
/** Number of the network that weighs bits. */
export const NETWORK_VERSION = SHIPPED.network;

type Name = keyof typeof SHIPPED.lengths;

const arrays = unpack();

/** What features are divided by, and the mixture that every window starts from. */
export const BACKGROUND = {
  scale: arrays['background.scale'],
  weights: arrays['background.weights'],
  means: arrays['background.means'],
  covariances: arrays['background.covariances'],
  slot_scale: arrays['background.slot_scale'],
};

/** The reliability network: the service's documentation of its mathematics names the arrays. */
export const NETWORK = {
  w_bit: arrays['network.w_bit'],
  w_frame: arrays['network.w_frame'],
  w_snippet: arrays['network.w_snippet'],
  b_hidden: arrays['network.b_hidden'],
  w_out: arrays['network.w_out'],
  b_out: arrays['network.b_out'],
  factor: arrays['network.factor'],
};

/** Arrays by name: 32-bit floating point numbers, one array after another. */
function unpack(): Record<Name, Float64Array> {
  const text = atob(SHIPPED.data);
  const view = new DataView(Uint8Array.from(text, (character) => character.charCodeAt(0)).buffer);
  let at = 0;
  const take = (length: number) => Float64Array.from({ length }, () => view.getFloat32(4 * at++, true));
  return Object.fromEntries(Object.entries(SHIPPED.lengths).map(([name, length]) => [name, take(length)])) as Record<
    Name,
    Float64Array
  >;
}
