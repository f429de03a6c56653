/** When the next SYN is due. */

/** TCP_TIMEOUT_INIT, include/net/tcp.h: the first retransmission timeout, seconds. */
const INITIAL_RTO_SECONDS = 1;
/** TCP_RTO_MAX, seconds. */
const MAX_RTO_SECONDS = 120;

/**
 * Seconds from the first SYN to each of its retransmits: after each SYN the timeout doubles, except
 * for the first `linearTimeouts` ones (`net.ipv4.tcp_syn_linear_timeouts`, tcp_retransmit_timer() in
 * net/ipv4/tcp_timer.c). 0: 1, 3, 7, 15, 31, 63 s; 4: 1, 2, 3, 4, 5, 7, 11, 19, 35, 67 s.
 */
export function synSchedule(linearTimeouts: number, count: number): number[] {
  const due: number[] = [];
  let at = 0;
  let timeout = INITIAL_RTO_SECONDS;
  for (let sent = 0; sent < count; sent++) {
    at += timeout;
    due.push(at);
    if (sent >= linearTimeouts) timeout = Math.min(timeout * 2, MAX_RTO_SECONDS);
  }
  return due;
}
