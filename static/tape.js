// Runs in the browser's audio thread: hands the sound of a microphone on as it comes, in blocks of 2048 samples.
class Tape extends AudioWorkletProcessor {
  block = new Float32Array(2048);
  filled = 0;

  process([input]) {
    const channel = input[0];
    for (let taken = 0; channel && taken < channel.length;) {
      const part = channel.subarray(taken, taken + this.block.length - this.filled);
      this.block.set(part, this.filled);
      taken += part.length;
      this.filled += part.length;
      if (this.filled === this.block.length) {
        this.port.postMessage(this.block, [this.block.buffer]);
        this.block = new Float32Array(2048);
        this.filled = 0;
      }
    }
    return true;
  }
}

registerProcessor('tape', Tape);
