/**
 * What observers hold in memory. Those of one file share it, so that a file of very many interfaces is
 * bounded as one of a single interface is.
 */
export interface Holdings {
  flows: number;
  /** Packet records of all flows. */
  records: number;
  /** Of fragmented datagrams that are not whole. */
  fragmentBytes: number;
  fragmentedDatagrams: number;
}

export function nothingHeld(): Holdings {
  return { flows: 0, records: 0, fragmentBytes: 0, fragmentedDatagrams: 0 };
}
