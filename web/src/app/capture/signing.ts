/** What the worker is asked, and what it answers. */
export interface Asked {
  readonly id: number;
  readonly samples: Float32Array;
  readonly rate: number;
  readonly bandwidth_hz?: number;
}
export type Signed =
  | { readonly id: number; readonly signature: Uint8Array<ArrayBuffer> }
  | { readonly id: number; readonly name: string; readonly message: string };
