/**
 * The streams of an exec over one connection, whichever protocol carries them
 * (k8s.io/kubelet/pkg/cri/streaming/remotecommand): stdin from the client; stdout, stderr and error to it.
 */
import type { Duplex } from 'node:stream';
import { Readable, Writable } from 'node:stream';

export type Channel = 'stdin' | 'stdout' | 'stderr' | 'error';

export interface Message {
  readonly channel: Channel;
  readonly bytes: Buffer;
  /** The channel ends with it. */
  readonly last: boolean;
}

export interface Framing {
  /** Takes what came over the connection; gives `answer` what must go back, and returns what is whole. */
  receive(bytes: Buffer, answer: (bytes: Buffer) => void): Message[];
  /** Whether the client has opened the channel. */
  isOpen(channel: Channel): boolean;
  encode(message: Message): Buffer;
  /** What ends the connection in order. */
  readonly farewell: Buffer;
}

export interface Streams {
  /** Ends when the client half-closes it, and when the connection does. */
  readonly stdin: Readable;
  readonly stdout: Writable;
  readonly stderr: Writable;
  readonly error: Writable;
}

/**
 * Resolves when the client has opened what it asked for. Backpressure is TCP's: what the command does not
 * read stays in the connection, what the client does not read stays in the command's pipe. As with a real
 * server, input that nobody reads holds up all that the client sends, pings as well.
 */
export function streamsOver(
  connection: Duplex,
  head: Buffer,
  framing: Framing,
  wanted: readonly Channel[],
): Promise<Streams> {
  const stdin = new Readable({ read: () => void connection.resume() });
  const sent = (channel: Channel) => {
    const send = (bytes: Buffer, last: boolean, done: (fault?: Error | null) => void) => {
      const frame = framing.encode({ channel, bytes, last });
      if (frame.length === 0) done();
      else connection.write(frame, done);
    };
    const writable = new Writable({
      write: (bytes: Buffer, _encoding, done) => send(bytes, false, done),
      final: done => send(Buffer.alloc(0), true, done),
    });
    // The connection was cut: a node's command is not told of it.
    return writable.on('error', () => undefined);
  };
  const streams = { stdin, stdout: sent('stdout'), stderr: sent('stderr'), error: sent('error') };

  let isEnded = false;
  const end = () => {
    isEnded = true;
    stdin.push(null);
  };

  return new Promise(resolve => {
    const take = (bytes: Buffer) => {
      for (const message of framing.receive(bytes, answer => void connection.write(answer))) {
        if (message.channel !== 'stdin' || isEnded) continue;
        if (message.bytes.length > 0 && !stdin.push(message.bytes)) connection.pause();
        if (message.last) end();
      }
      if (wanted.every(channel => framing.isOpen(channel))) resolve(streams);
    };
    connection.on('data', take).on('end', end).on('close', end).on('error', end);
    take(head);
  });
}
