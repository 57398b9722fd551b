/* tally [BYTES]: copy standard input to standard output, BYTES of it or as far as it goes, and write the checksum of what
 * was copied to descriptor 3: 16 hexadecimal digits and a line feed.
 *
 * For copies of files: BusyBox has no program that computes a checksum of what it passes on, and its tee, which could feed
 * one that does, passes it on in pieces so small that a stream to a client is several times slower.
 *
 * The checksum is CRC-64 as in ECMA-182, bits reversed, as xz and Go's hash/crc64 have it. It tells accidents, not attacks.
 * Where the output is closed early the input is still taken in, so that what follows it can be read: then the status is 1.
 */
#include <endian.h>
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static uint64_t table[8][256];

static void make_table(void) {
	for (int i = 0; i < 256; i++) {
		uint64_t c = i;
		for (int bit = 0; bit < 8; bit++)
			c = c & 1 ? c >> 1 ^ 0xC96C5795D7870F42 : c >> 1;
		table[0][i] = c;
	}
	for (int i = 0; i < 256; i++)
		for (int n = 1; n < 8; n++)
			table[n][i] = table[0][table[n - 1][i] & 0xff] ^ table[n - 1][i] >> 8;
}

static uint64_t update(uint64_t crc, const unsigned char *p, size_t n) {
	for (; n >= 8; p += 8, n -= 8) {
		uint64_t word;
		memcpy(&word, p, 8);
		crc ^= le64toh(word);
		crc = table[7][crc & 0xff] ^ table[6][crc >> 8 & 0xff] ^ table[5][crc >> 16 & 0xff] ^ table[4][crc >> 24 & 0xff] ^
			table[3][crc >> 32 & 0xff] ^ table[2][crc >> 40 & 0xff] ^ table[1][crc >> 48 & 0xff] ^ table[0][crc >> 56];
	}
	for (; n > 0; n--)
		crc = table[0][(crc ^ *p++) & 0xff] ^ crc >> 8;
	return crc;
}

static int put(int fd, const unsigned char *p, size_t n) {
	while (n > 0) {
		ssize_t done = write(fd, p, n);
		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -1;
		p += done, n -= done;
	}
	return 0;
}

int main(int argc, char **argv) {
	static unsigned char buffer[128 * 1024];
	int bounded = argc > 1, closed = 0, failed = 0;
	unsigned long long left = bounded ? strtoull(argv[1], NULL, 10) : 0;
	uint64_t crc = ~(uint64_t)0;

	signal(SIGPIPE, SIG_IGN);
	make_table();
	while (!bounded || left > 0) {
		size_t want = bounded && left < sizeof buffer ? left : sizeof buffer;
		ssize_t got = read(0, buffer, want);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0) {
			failed = got < 0 || bounded;
			break;
		}
		crc = update(crc, buffer, got);
		left -= bounded ? got : 0;
		if (!closed && put(1, buffer, got) < 0) {
			closed = 1;
			if (!bounded)
				break; /* nobody waits for what comes after the end */
		}
	}
	dprintf(3, "%016llx\n", (unsigned long long)~crc);
	return closed || failed;
}
