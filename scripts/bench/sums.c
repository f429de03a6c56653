/*
 * The yardstick of `npm run bench`: what a plain C program needs for the sums alone. Reads a pcap file
 * in pieces of 1 MB, and for each VXLAN datagram over IPv4 verifies the inner TCP or UDP checksum, and
 * the outer one over the same bytes. No flows, no fragments, no other tunnels; counts, and no more.
 *
 *     cc -O3 -o sums sums.c && ./sums FILE
 *
 * Little-endian machines and pcap files only. Prints JSON.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define READ_BYTES (1 << 20)
#define CARRY_BYTES (1 << 19)
#define TUNNEL_PORT 8472

static unsigned char buffer[CARRY_BYTES + READ_BYTES + 64];
static long packets, datagrams, valid, zero, partial, bad, inner_bad, plain;

static uint32_t u16(const unsigned char *at) { return (uint32_t)at[0] << 8 | at[1]; }

/* Plain sum of 16-bit words in the machine's order; the compiler makes a vector loop of it. */
static uint64_t sum(const unsigned char *at, long length) {
  uint64_t total = 0;
  while (length >= 4) {
    /* So many words that 32 bits hold their sum. */
    long words = length / 2 > 32768 ? 32768 : length / 2;
    uint32_t part = 0;
    for (long i = 0; i < words; i++) {
      uint16_t word;
      memcpy(&word, at + 2 * i, 2);
      part += word;
    }
    total += part;
    at += 2 * words;
    length -= 2 * words;
  }
  for (; length >= 2; at += 2, length -= 2) {
    uint16_t word;
    memcpy(&word, at, 2);
    total += word;
  }
  return length ? total + at[0] : total;
}

static uint32_t folded(uint64_t total) {
  while (total > 0xffff) total = (total >> 16) + (total & 0xffff);
  return (uint32_t)total;
}

static uint32_t swapped(uint32_t value) { return (value & 0xff) << 8 | value >> 8; }

static uint32_t pseudo(const unsigned char *ip, int version, int protocol, long length) {
  uint64_t addresses = version == 4 ? sum(ip + 12, 8) : sum(ip + 8, 32);
  return folded(addresses + swapped((uint32_t)protocol) + swapped((uint32_t)length));
}

static void examine(const unsigned char *frame, long length) {
  const unsigned char *ip = frame + 14;
  packets++;
  if (length < 14 + 20 || u16(frame + 12) != 0x0800 || ip[9] != 17) { plain++; return; }
  const unsigned char *udp = ip + (ip[0] & 15) * 4;
  long udp_length = (long)u16(udp + 4);
  if (u16(udp + 2) != TUNNEL_PORT || udp + udp_length > frame + length) { plain++; return; }
  datagrams++;
  const unsigned char *inner = udp + 8 + 8 + 14;
  int version = inner[0] >> 4;
  const unsigned char *segment = inner + (version == 4 ? (inner[0] & 15) * 4 : 40);
  int protocol = version == 4 ? inner[9] : inner[6];
  long segment_length = version == 4 ? (long)u16(inner + 2) - (segment - inner) : (long)u16(inner + 4);
  uint64_t segment_sum = sum(segment, segment_length);
  uint32_t whole = folded(pseudo(inner, version, protocol, segment_length) + segment_sum);
  int checksum_at = protocol == 6 ? 16 : 6;
  uint16_t inner_stored, stored;
  memcpy(&inner_stored, segment + checksum_at, 2);
  if (whole != 0xffff && inner_stored != pseudo(inner, version, protocol, segment_length)) inner_bad++;
  memcpy(&stored, udp + 6, 2);
  if (stored == 0) { zero++; return; }
  uint32_t outer_pseudo = pseudo(ip, 4, 17, udp_length);
  if (folded(outer_pseudo + sum(udp, segment - udp) + segment_sum) == 0xffff) valid++;
  else if (stored == outer_pseudo) partial++;
  else bad++;
}

int main(int count, char **arguments) {
  int descriptor = count > 1 ? open(arguments[1], O_RDONLY) : -1;
  if (descriptor < 0) return 2;
  long left = 0, length;
  int begun = 0;
  unsigned char *area = buffer + 64;
  while ((length = read(descriptor, area + CARRY_BYTES, READ_BYTES)) > 0) {
    unsigned char *at = area + CARRY_BYTES - left, *end = area + CARRY_BYTES + length;
    if (!begun) { at += 24; begun = 1; }
    while (end - at >= 16) {
      uint32_t captured;
      memcpy(&captured, at + 8, 4);
      if (captured > CARRY_BYTES - 16) return 3;
      if (end - at < 16 + (long)captured) break;
      examine(at + 16, captured);
      at += 16 + captured;
    }
    left = end - at;
    memmove(area + CARRY_BYTES - left, at, (size_t)left);
  }
  printf("{\"packets\":%ld,\"datagrams\":%ld,\"valid\":%ld,\"zero\":%ld,\"partial\":%ld,\"stale\":%ld,\"innerBad\":%ld,\"plain\":%ld}\n",
         packets, datagrams, valid, zero, partial, bad, inner_bad, plain);
  return 0;
}
