/** What runs in a thread of its own; threads.ts starts it. */
import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import { readPiece } from '../capture-file/file.js';
import { messageOf, StalesumError } from '../errors.js';
import { newSha256 } from '../sha256.js';
import { Control } from './control.js';
import { startKernel } from './kernel.js';
import { SlabFiller, type SlabSupply } from './slab-filler.js';
import type {
  FileTask,
  HashMessage,
  ReaderMessage,
  SentFault,
  ThreadStart,
} from './thread-messages.js';

/** Reads files into slabs, one after the other. */
function runReader(start: ThreadStart, control: Control): void {
  const { module, memory, layout, seed } = start;
  const kernel = startKernel(module, memory, layout, seed);
  parentPort!.on('message', ({ fd, path, sha256 }: FileTask) => {
    let next = control.published;
    const supply: SlabSupply = {
      take: () => {
        control.waitUntilFree(next, sha256);
        return control.slabOf(next);
      },
      publish: ({ count, extras }, length) => {
        control.publish(next, count, length);
        const sent = extras.map(({ view, ...frame }) => frame);
        post({ kind: 'slab', number: next, extras: sent });
        next++;
      },
    };
    try {
      const filler = new SlabFiller(path, kernel, memory.buffer, supply, false);
      const read = (bytes: Uint8Array, at: number, length: number): number =>
        readPiece(fd, path, bytes, at, length, filler.bytes);
      while (filler.fill(read) > 0);
      post({ kind: 'ended', summary: filler.end() });
    } catch (thrown) {
      post({ kind: 'failed', fault: faultOf(thrown) });
    }
    control.endFile();
  });
}

function post(message: ReaderMessage | HashMessage): void {
  parentPort!.postMessage(message);
}

function faultOf(thrown: unknown): SentFault {
  const known = thrown instanceof StalesumError ? thrown : undefined;
  return { kind: known?.kind, message: messageOf(thrown), remedy: known?.remedy };
}

/** Makes the rows of whatever slab comes next. */
function runExaminer({ module, memory, layout, seed }: ThreadStart, control: Control): void {
  const kernel = startKernel(module, memory, layout, seed);
  let number = -1;
  const claimed = (): boolean => {
    number = control.claim();
    return number >= 0;
  };
  for (;;) {
    control.waitUntil(claimed);
    const { index, rows } = control.slabOf(number);
    kernel.examine(index, control.contentOf(number).count, rows);
    control.noteExamined(number);
  }
}

/** Hashes the bytes of files, slab by slab. */
function runHasher({ memory }: ThreadStart, control: Control): void {
  const bytes = new Uint8Array(memory.buffer);
  parentPort!.on('message', (first: number) => {
    const hash = newSha256();
    let next = first;
    for (;;) {
      control.waitUntil(() => control.published > next || control.fileEnd === next);
      if (control.published <= next) break;
      const { data } = control.slabOf(next);
      hash.update(bytes.subarray(data, data + control.contentOf(next).length));
      control.noteHashed(next);
      next++;
    }
    post({ sha256: hash.digest('hex') });
  });
}

if (!isMainThread) {
  const start = workerData as ThreadStart;
  const control = new Control(start.memory.buffer, start.layout);
  if (start.role === 'read') runReader(start, control);
  else if (start.role === 'examine') runExaminer(start, control);
  else runHasher(start, control);
}
