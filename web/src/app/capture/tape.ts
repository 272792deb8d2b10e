import { levelOf, type Level } from './level';
import { CONSTRAINTS, named, type Recorder } from './microphone';
import { pcm, wav } from './pcm';

/** Samples a second: all that fingerprints need, and what the service hears at once. */
const RATE = 16_000;
/** Length of a piece of a short recording, as in `Microphone`. */
const PIECE_S = 0.8;

/**
 * An open microphone whose samples come as they are: for what was heard before a button is pressed, and for listening
 * on. A `MediaRecorder` can do neither: its beginning cannot be cut off.
 */
export class Tape implements Recorder {
  /** Called with each block of samples, an eighth of a second. */
  onblock: ((samples: Float32Array) => void) | null = null;
  readonly rate: number;
  private last: Float32Array = new Float32Array(0);
  private held: Float32Array[] = [];
  private readonly pieces: Int16Array<ArrayBuffer>[] = [];
  private ended: ((recording: Blob) => void) | null = null;

  private constructor(
    private readonly stream: MediaStream,
    private readonly context: AudioContext,
    node: AudioWorkletNode,
    private readonly keep_s: number,
  ) {
    this.rate = context.sampleRate;
    node.port.onmessage = ({ data }: MessageEvent<Float32Array>) => this.take(data);
  }

  /** Open it, and from now on keep the latest `keep_s` seconds. */
  static async open(keep_s = 0): Promise<Tape> {
    if (!window.isSecureContext || !navigator.mediaDevices) throw named('InsecureContext');
    if (typeof AudioWorkletNode === 'undefined') throw named('Unsupported');
    const stream = await navigator.mediaDevices.getUserMedia(CONSTRAINTS);
    try {
      // Firefox connects a microphone only at the rate that it has by itself.
      return await Tape.connect(stream, keep_s, RATE).catch(() => Tape.connect(stream, keep_s));
    } catch (error) {
      release(stream);
      throw error;
    }
  }

  private static async connect(stream: MediaStream, keep_s: number, sampleRate?: number): Promise<Tape> {
    const context = new AudioContext(sampleRate ? { sampleRate } : {});
    try {
      await context.audioWorklet.addModule('tape.js');
      const node = new AudioWorkletNode(context, 'tape', { channelCount: 1, channelCountMode: 'explicit' });
      context.createMediaStreamSource(stream).connect(node).connect(context.destination);
      await context.resume();
      return new Tape(stream, context, node, keep_s);
    } catch (error) {
      void context.close();
      throw error;
    }
  }

  /** Seconds that are kept now. */
  get held_s(): number {
    return this.held.reduce((sum, block) => sum + block.length, 0) / this.rate;
  }

  level(): Level {
    return levelOf(this.last);
  }

  /** Record on from what is kept, until `stop()`. */
  record(started: () => void, piece: (part: Blob) => void): Promise<Blob> {
    return new Promise((resolve) => {
      this.ended = resolve;
      this.onblock = () => {
        if (this.held_s >= PIECE_S) this.hand(piece);
      };
      started();
      this.hand(piece);
    });
  }

  /** All of it so far. */
  soFar(): Blob {
    return wav(this.pieces, this.rate);
  }

  stop(): void {
    if (!this.ended) return;
    this.hand(() => undefined);
    this.ended(this.soFar());
    this.ended = null;
  }

  close(): void {
    this.onblock = null;
    release(this.stream);
    if (this.context.state !== 'closed') void this.context.close();
  }

  private hand(piece: (part: Blob) => void): void {
    const samples = pcm(this.held);
    this.held = [];
    if (samples.length === 0) return;
    this.pieces.push(samples);
    piece(new Blob([samples]));
  }

  private take(block: Float32Array): void {
    this.last = block;
    if (this.ended) this.held.push(block);
    else if (this.keep_s) {
      this.held.push(block);
      while (this.held_s - this.held[0]!.length / this.rate >= this.keep_s) this.held.shift();
    }
    this.onblock?.(block);
  }
}

function release(stream: MediaStream): void {
  for (const track of stream.getTracks()) track.stop();
}
