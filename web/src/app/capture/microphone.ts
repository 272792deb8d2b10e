import type { Trouble } from '../api/problem';
import { levelOf, type Level } from './level';

/** In this order: what the service decodes best and browsers record. The last resort is the browser's own choice. */
export const MIME_TYPES = [
  'audio/webm;codecs=opus',
  'audio/ogg;codecs=opus',
  'audio/mp4;codecs=mp4a.40.2',
  'audio/webm',
  'audio/mp4',
];

/** Length of a piece: a verdict can come this much earlier than a piece later. */
const PIECE_MS = 800;

/** Voice processing is made to remove music: all of it off. */
export const CONSTRAINTS: MediaStreamConstraints = {
  audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false, channelCount: 1 },
};

/** First type the browser records, or the empty string for its default. */
export function chooseMimeType(supported: (type: string) => boolean): string {
  return MIME_TYPES.find((type) => supported(type)) ?? '';
}

/** `audio/webm;codecs=opus` → `snippet.webm`. */
export function fileName(mimeType: string): string {
  const subtype = /^\w+\/([\w-]+)/.exec(mimeType)?.[1] ?? '';
  return `snippet.${{ mp4: 'm4a', mpeg: 'mp3', 'x-matroska': 'mkv' }[subtype] ?? (subtype || 'bin')}`;
}

/** Why there is no recording, and what the person can do. */
export function microphoneTrouble(error: unknown): Trouble {
  const name = error instanceof DOMException || error instanceof Error ? error.name : '';
  switch (name) {
    case 'NotAllowedError':
      return {
        name: 'microphone_denied',
        title: 'The microphone is not allowed',
        detail:
          'Allow it for this page in the browser’s site settings (the icon beside the address), then try again. Or choose a recording below.',
      };
    case 'NotFoundError':
    case 'OverconstrainedError':
      return {
        name: 'microphone_missing',
        title: 'No microphone was found',
        detail: 'Plug one in or switch it on, then try again. Or choose a recording below.',
      };
    case 'NotReadableError':
    case 'AbortError':
      return {
        name: 'microphone_busy',
        title: 'The microphone does not start',
        detail: 'Another program may be using it: close that and try again. Or choose a recording below.',
      };
    case 'InsecureContext':
    case 'SecurityError':
      return {
        name: 'microphone_insecure',
        title: 'This address may not use the microphone',
        detail:
          'Browsers give it only to https pages and to localhost: open Earmark there. Choosing a recording below works here too.',
      };
    case 'Unsupported':
      return {
        name: 'microphone_unsupported',
        title: 'This browser cannot record',
        detail: 'Choose a recording below, or use a newer browser.',
      };
    default:
      return {
        name: 'microphone_failed',
        title: 'Recording failed',
        detail: 'Try again, or choose a recording below.',
      };
  }
}

export function named(name: string): Error {
  const error = new Error(name);
  error.name = name;
  return error;
}

/** What records: an open microphone, with or without the seconds before. */
export interface Recorder {
  /** Samples a second, if the pieces are bare samples; else they are parts of one file. */
  readonly rate?: number;
  /** Seconds that were kept before it began. */
  readonly held_s: number;
  level(): Level;
  record(started: () => void, piece: (part: Blob) => void): Promise<Blob>;
  /** What was recorded so far, as a file. */
  soFar(): Blob;
  stop(): void;
  close(): void;
}

/** An open microphone. `open()` must be called from a click: some browsers start no audio otherwise. */
export class Microphone implements Recorder {
  readonly held_s = 0;
  private recorder: MediaRecorder | null = null;
  private readonly pieces: Blob[] = [];
  private readonly block: Float32Array<ArrayBuffer>;

  private constructor(
    private readonly stream: MediaStream,
    private readonly context: AudioContext,
    private readonly analyser: AnalyserNode,
  ) {
    this.block = new Float32Array(analyser.fftSize);
  }

  static async open(): Promise<Microphone> {
    if (!window.isSecureContext || !navigator.mediaDevices) throw named('InsecureContext');
    if (typeof MediaRecorder === 'undefined') throw named('Unsupported');
    const context = new AudioContext();
    try {
      const stream = await navigator.mediaDevices.getUserMedia(CONSTRAINTS);
      const analyser = context.createAnalyser();
      analyser.fftSize = 2048;
      context.createMediaStreamSource(stream).connect(analyser);
      await context.resume();
      return new Microphone(stream, context, analyser);
    } catch (error) {
      void context.close();
      throw error;
    }
  }

  /** Loudness of the last 40 ms or so. */
  level(): Level {
    this.analyser.getFloatTimeDomainData(this.block);
    return levelOf(this.block);
  }

  /** Record until `stop()`. Pieces are handed on as they come: put together, they are the recording. */
  record(started: () => void, piece: (part: Blob) => void): Promise<Blob> {
    const mimeType = chooseMimeType((type) => MediaRecorder.isTypeSupported(type));
    const recorder = new MediaRecorder(this.stream, { ...(mimeType && { mimeType }), audioBitsPerSecond: 128_000 });
    this.recorder = recorder;
    return new Promise((resolve, reject) => {
      recorder.onstart = started;
      recorder.ondataavailable = (event) => {
        this.pieces.push(event.data);
        piece(event.data);
      };
      recorder.onerror = () => reject(named('RecordingFailed'));
      recorder.onstop = () => resolve(new Blob(this.pieces, { type: recorder.mimeType || mimeType }));
      recorder.start(PIECE_MS);
    });
  }

  soFar(): Blob {
    return new Blob(this.pieces, { type: this.pieces[0]?.type ?? '' });
  }

  stop(): void {
    if (this.recorder?.state === 'recording') this.recorder.stop();
  }

  /** Let go of the microphone: the browser's recording mark goes out. */
  close(): void {
    for (const track of this.stream.getTracks()) track.stop();
    void this.context.close();
  }
}
