/* ferry out | ferry in FOLDER: the far end of a copy of files, one process for all of them.
 *
 * BusyBox has a tar, but no program that makes a checksum of what it passes on, and what is put together of several costs a
 * process for each file or a pipe for each byte. This one reads each file once, holds none in memory, and follows no link
 * where a folder should be. Both ways what passes are records: lines of text, with content between them, and at the end of
 * each a line with the CRC-32C (RFC 3720, B.4) of all of it. It tells accidents, not attacks.
 *
 * out: names, each ended by NUL, come on standard input. For each, in their order, comes one of
 *   file SIZE, pieces, end (or short WHY: it has ended early), state SIZE SECONDS.NANOSECONDS (or gone)
 *   link LENGTH, and what the symbolic link says
 *   gone WHY | shut WHY | other
 * and a line with the checksum of the name and the record. After all of them comes "end". A piece is "LENGTH" and so many
 * bytes, or "hole LENGTH".
 *
 * in: records come on standard input, for names below FOLDER.
 *   folder MODE LENGTH, name: is made, unless it is there
 *   file MODE SECONDS NANOSECONDS LENGTH, name, pieces, end (or drop: it is not wanted any more)
 *   link LENGTH LENGTH, name, what it says;   hard LENGTH LENGTH, name, name of what it is another name of
 *   finish MODE SECONDS NANOSECONDS LENGTH, name: the folder's mode and time
 * The answers are "ready ferry" at first; "no WHY", for the record after those that were spoken of; "kept N": so many more
 * are where they belong; and "failed WHY" or "damaged", after which there is nothing more. "end" ends it. A file is written
 * under another name in its own folder, and gets its name by one rename.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static uint32_t table[8][256];

static void make_table(void) {
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t c = i;
		for (int bit = 0; bit < 8; bit++)
			c = c & 1 ? c >> 1 ^ 0x82F63B78 : c >> 1;
		table[0][i] = c;
	}
	for (int i = 0; i < 256; i++)
		for (int n = 1; n < 8; n++)
			table[n][i] = table[0][table[n - 1][i] & 0xff] ^ table[n - 1][i] >> 8;
}

static uint32_t sum_by_table(uint32_t crc, const unsigned char *p, size_t n) {
	for (; n >= 8; p += 8, n -= 8)
		crc = table[7][(crc ^ p[0]) & 0xff] ^ table[6][(crc >> 8 ^ p[1]) & 0xff] ^ table[5][(crc >> 16 ^ p[2]) & 0xff] ^
			table[4][crc >> 24 ^ p[3]] ^ table[3][p[4]] ^ table[2][p[5]] ^ table[1][p[6]] ^ table[0][p[7]];
	for (; n > 0; n--)
		crc = table[0][(crc ^ *p++) & 0xff] ^ crc >> 8;
	return crc;
}

#ifdef __x86_64__
__attribute__((target("sse4.2"))) static uint32_t sum_by_processor(uint32_t crc, const unsigned char *p, size_t n) {
	uint64_t c = crc, word;
	for (; n >= 8; p += 8, n -= 8) {
		memcpy(&word, p, 8);
		c = __builtin_ia32_crc32di(c, word);
	}
	for (; n > 0; n--)
		c = __builtin_ia32_crc32qi(c, *p++);
	return c;
}
#endif

static uint32_t (*sum_of)(uint32_t, const unsigned char *, size_t) = sum_by_table;

static uint32_t sum; /* of the record as far as it has come */

static void add(const void *p, size_t n) { sum = ~sum_of(~sum, p, n); }

/* What is written waits in a buffer for more of it, since each write costs all that is on the way to the client. */
static unsigned char output[256 << 10];
static size_t filled;

static void flush(void) {
	for (size_t done = 0; done < filled;) {
		ssize_t n = write(1, output + done, filled - done);
		if (n < 0 && errno != EINTR)
			exit(1); /* nobody takes it any more */
		done += n > 0 ? n : 0;
	}
	filled = 0;
}

static int receiving; /* answers are no part of a record */

static void put(const void *p, size_t n) {
	if (!receiving)
		add(p, n);
	for (const unsigned char *from = p; n > 0;) {
		size_t k = n < sizeof output - filled ? n : sizeof output - filled;
		memcpy(output + filled, from, k);
		filled += k, from += k, n -= k;
		if (filled == sizeof output)
			flush();
	}
}

#define say(...) do { char line[256]; put(line, snprintf(line, sizeof line, __VA_ARGS__)); } while (0)

/* Input, which is read ahead. */
static unsigned char input[256 << 10];
static size_t from, to;

static void pause_in_input(void);

/* more reads on, and returns 0 at the end. */
static int more(void) {
	pause_in_input();
	for (;;) {
		ssize_t n = read(0, input, sizeof input);
		if (n < 0 && errno == EINTR)
			continue;
		from = 0, to = n > 0 ? n : 0;
		return n > 0;
	}
}

/* until reads as far as a byte, which is left out. It returns -1 at the end, or where there is no room for all. */
static ssize_t until(unsigned char last, char *text, size_t room) {
	for (size_t n = 0; n < room; n++) {
		if (from == to && !more())
			return -1;
		text[n] = input[from++];
		if ((unsigned char)text[n] == last) {
			text[n] = 0;
			return n;
		}
	}
	return -1;
}

static int root = -1, parent = -1;    /* FOLDER, or /, and the folder that was used last */
static char parent_name[PATH_MAX];
static int way_in;                    /* so many parts of a name may be links: proc/PID/root is one */

/* beneath returns the folder that a name below the root is in, and what it is called there; or -1. No link is followed. */
static int beneath(char *name, char **last) {
	char *slash = strrchr(name, '/');
	*last = slash ? slash + 1 : name;
	if (**last == 0 || strcmp(*last, "..") == 0 || strlen(name) >= PATH_MAX) {
		errno = strlen(name) >= PATH_MAX ? ENAMETOOLONG : EINVAL;
		return -1;
	}
	if (!slash)
		return root;
	*slash = 0;
	if (parent >= 0 && strcmp(name, parent_name) == 0) {
		*slash = '/';
		return parent;
	}
	if (parent >= 0)
		close(parent);
	strcpy(parent_name, name);
	parent = fcntl(root, F_DUPFD_CLOEXEC, 0);
	int links = way_in;
	for (char *rest = parent_name, *part; parent >= 0 && (part = strsep(&rest, "/")); links--) {
		int next = -1;
		if (*part && strcmp(part, "..") != 0)
			next = openat(parent, part, O_PATH | O_DIRECTORY | (links > 0 ? 0 : O_NOFOLLOW) | O_CLOEXEC);
		else
			errno = EINVAL;
		int why = errno;
		close(parent);
		parent = next;
		errno = why;
	}
	if (parent >= 0)
		strcpy(parent_name, name);
	*slash = '/';
	return parent;
}

/* out */

static void state_after(int in, const char *name, int fd) {
	struct stat there, now;
	if (fstatat(in, name, &there, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT)
		say("gone\n");
	else if (fstat(fd, &now) == 0)
		say("state %jd %jd.%09ld\n", (intmax_t)now.st_size, (intmax_t)now.st_mtim.tv_sec, now.st_mtim.tv_nsec);
	else
		say("gone\n");
}

/* hole_at returns how long the hole at a place of a file is, 0 where there is none. */
static off_t hole_at(int fd, off_t at, off_t size) {
	struct stat now;
	off_t data = lseek(fd, at, SEEK_DATA);
	if (data < 0 && errno == ENXIO && fstat(fd, &now) == 0) /* as far as the end, which may have come nearer */
		data = now.st_size;
	return data <= at ? 0 : (data < size ? data : size) - at;
}

/* piece sends what is at a place of a file, straight from the buffer, and returns how long it was, 0 at the end, or -1. */
static ssize_t piece(int fd, off_t at, off_t size) {
	enum { head = 8 };
	if (sizeof output - filled < sizeof output / 4)
		flush();
	unsigned char *here = output + filled;
	size_t room = sizeof output - filled - head;
	ssize_t n = pread(fd, here + head, size - at < (off_t)room ? (size_t)(size - at) : room, at);
	if (n <= 0)
		return n;
	char line[24];
	snprintf(line, sizeof line, "%07zd\n", n);
	memcpy(here, line, head);
	add(here, head + n);
	filled += head + n;
	return n;
}

static void send_file(int in, const char *name, int fd, const struct stat *is) {
	off_t at = 0, size = is->st_size, hole = 0;
	ssize_t n = 1;
	say("file %jd\n", (intmax_t)size);
	for (; at < size; at += n) {
		if ((off_t)is->st_blocks * 512 < size && (hole = hole_at(fd, at, size)) > 0) {
			say("hole %jd\n", (intmax_t)hole);
			at += hole, n = 0;
		} else if ((n = piece(fd, at, size)) <= 0)
			break;
	}
	if (at < size)
		say("short %s\n", n < 0 ? strerror(errno) : "it ended early");
	else
		say("end\n");
	state_after(in, name, fd);
}

static void send_one(char *name) {
	static char says[PATH_MAX];
	struct stat is;
	ssize_t n;
	char *last;
	int in = beneath(name, &last);
	/* A pipe that is in a file's place is not waited for. */
	int fd = in < 0 ? -1 : openat(in, last, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd >= 0 && fstat(fd, &is) == 0 && S_ISREG(is.st_mode))
		send_file(in, last, fd, &is);
	else if (fd >= 0)
		say("other\n");
	else if (in >= 0 && errno == ELOOP && (n = readlinkat(in, last, says, sizeof says)) >= 0) {
		say("link %zd\n", n);
		put(says, n);
	} else
		say("%s %s\n", errno == ENOENT || errno == ENOTDIR ? "gone" : "shut", strerror(errno));
	if (fd >= 0)
		close(fd);
}

static int out(void) {
	static char name[64 << 10];
	ssize_t n;
	way_in = 3;
	if ((root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC)) < 0)
		return 1;
	say("files ferry\n");
	while ((n = until(0, name, sizeof name)) >= 0) {
		sum = 0;
		add(name, n);
		send_one(name);
		say("%08" PRIx32 "\n", sum);
	}
	say("end\n");
	flush();
	return 0;
}

/* in */

static char partial[64];              /* the name of a file on its way */
static volatile int folder = -1;      /* where it may be */
static unsigned long kept;            /* since it was said */

static void forget(void) {
	if (folder >= 0)
		unlinkat(folder, partial, 0);
	folder = -1;
}

static void interrupted(int number) {
	forget();
	_exit(128 + number);
}

static void tell_kept(void) {
	if (kept > 0)
		say("kept %lu\n", kept);
	kept = 0;
	flush();
}

static void pause_in_input(void) {
	static time_t told;
	struct timespec now;
	if (!receiving || clock_gettime(CLOCK_MONOTONIC_COARSE, &now) < 0 || now.tv_sec == told)
		return;
	told = now.tv_sec;
	tell_kept();
}

static void end(const char *word, const char *why) {
	forget();
	tell_kept();
	say("%s%s%s\n", word, *why ? " " : "", why);
	flush();
	exit(1);
}

/* line reads a line of a record. What does not come whole ends it all: what comes after it cannot be told. */
static char *line_of_record(void) {
	static char text[256];
	ssize_t n = until('\n', text, sizeof text - 1);
	if (n < 0)
		end("failed", "the stream ended early");
	add(text, n);
	add("\n", 1);
	return text;
}

static void take(void *p, size_t n) {
	for (unsigned char *here = p; n > 0;) {
		if (from == to && !more())
			end("failed", "the stream ended early");
		size_t k = n < to - from ? n : to - from;
		memcpy(here, input + from, k);
		add(here, k);
		from += k, here += k, n -= k;
	}
}

static void take_name(char *name, size_t n) {
	if (n == 0 || n >= PATH_MAX)
		end("failed", strerror(ENAMETOOLONG));
	take(name, n);
	name[n] = 0;
}

/* What did not come, by a hash of its name (FNV-1a) in a table with open addresses; the lowest bit is 0 where it came later. What
 * is said to be another name of it must not be made of an old file that has that file's name. */
static uint64_t *missing;
static size_t missing_room, missing_count;

static uint64_t *missing_at(uint64_t hash) {
	size_t i = (hash >> 1) & (missing_room - 1);
	while (missing[i] && (missing[i] | 1) != hash)
		i = (i + 1) & (missing_room - 1);
	return missing + i;
}

static uint64_t hash_of(const char *name) {
	uint64_t h = 0xcbf29ce484222325;
	for (; *name; name++)
		h = (h ^ (unsigned char)*name) * 0x100000001b3;
	return h | 1;
}

static int is_missing(const char *name) { return missing_room > 0 && *missing_at(hash_of(name)) & 1; }

static void more_room_for_missing(void) {
	uint64_t *old = missing;
	size_t n = missing_room;
	missing_room = n > 0 ? 2 * n : 512;
	if (!(missing = calloc(missing_room, sizeof *missing)))
		end("failed", strerror(errno));
	for (size_t i = 0; i < n; i++)
		if (old[i])
			*missing_at(old[i] | 1) = old[i];
	free(old);
}

/* remember notes whether what has a name has come. */
static void remember(const char *name, int came) {
	if (came && missing_room == 0)
		return;
	if (2 * missing_count >= missing_room)
		more_room_for_missing();
	uint64_t hash = hash_of(name), *at = missing_at(hash);
	if (*at == 0 && came)
		return;
	missing_count += *at == 0;
	*at = came ? hash - 1 : hash;
}

/* hopeless reports whether a failure will not be another one for the next record. */
static int hopeless(int in, int why) {
	return why == ENOSPC || why == EDQUOT || why == EROFS || why == EIO || (in == root && why == EACCES);
}

/* refuse answers that a record could not be carried out. */
static void refuse(int in, int why) {
	if (hopeless(in, why))
		end("failed", strerror(why));
	const char *words = strerror(why);
	if (why == ECANCELED)
		words = "it is another name of a file that was not copied";
	else if (in < 0 && (why == ENOTDIR || why == ENOENT))
		words = "its folder is not there";
	else if (why == ENOTDIR)
		words = "in its place is something else, which is no folder";
	else if (why == EISDIR || why == ENOTEMPTY || why == EEXIST)
		words = "something that is there cannot be replaced by it";
	tell_kept();
	say("no %s\n", words);
}

/* proven reads the checksum of a record. */
static void proven(void) {
	char text[16];
	uint32_t want = sum;
	if (until('\n', text, sizeof text) < 0)
		end("failed", "the stream ended early");
	if (strtoul(text, NULL, 16) != want)
		end("damaged", "");
	sum = 0;
}

/* place gives what has the partial name its own. */
static int place(int in, const char *name) {
	if (renameat(in, partial, in, name) == 0)
		return 0;
	int why = errno;
	unlinkat(in, partial, 0);
	errno = why;
	return -1;
}

/* write_piece takes in one piece of a file. fd is -1 where it could not be opened: then it is only taken in. */
static void write_piece(int fd, size_t n, int *why) {
	while (n > 0) {
		if (from == to && !more())
			end("failed", "the stream ended early");
		size_t k = n < to - from ? n : to - from;
		add(input + from, k);
		for (size_t done = 0; fd >= 0 && *why == 0 && done < k;) {
			ssize_t w = write(fd, input + from + done, k - done);
			if (w < 0 && errno != EINTR)
				*why = errno;
			done += w > 0 ? w : 0;
		}
		from += k, n -= k;
		if (*why != 0 && hopeless(-1, *why))
			end("failed", strerror(*why));
	}
}

/* content takes in the pieces of a file, and returns whether it is wanted. */
static int content(int fd, int *why) {
	off_t size = 0;
	for (;;) {
		char *text = line_of_record();
		if (strcmp(text, "end") == 0 || strcmp(text, "drop") == 0) {
			if (fd >= 0 && *why == 0 && ftruncate(fd, size) < 0)
				*why = errno;
			return *text == 'e';
		}
		int hole = strncmp(text, "hole ", 5) == 0;
		size_t n = strtoull(hole ? text + 5 : text, NULL, 10);
		if (n == 0)
			end("failed", "a piece of no length");
		size += n;
		if (hole && fd >= 0 && lseek(fd, n, SEEK_CUR) < 0)
			*why = errno;
		if (!hole)
			write_piece(fd, n, why);
	}
}

static void take_file(char *name, mode_t mode, struct timespec when) {
	char *last;
	int why = 0, in = beneath(name, &last), fd = -1;
	if ((folder = in) >= 0)
		fd = openat(in, partial, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0 && hopeless(in, why = errno))
		end("failed", strerror(why));
	int wanted = content(fd, &why);
	proven();
	struct timespec both[2] = {when, when};
	if (fd >= 0 && why == 0 && wanted && (fchmod(fd, mode) < 0 || futimens(fd, both) < 0))
		why = errno;
	if (fd >= 0 && close(fd) < 0 && why == 0)
		why = errno;
	if (why == 0 && wanted && place(in, last) < 0)
		why = errno;
	else if (why != 0 || !wanted)
		forget();
	folder = -1;
	remember(name, why == 0 && wanted);
	if (why != 0)
		refuse(in, why);
	else
		kept++;
}

static int make_folder(int in, const char *name, mode_t mode) {
	struct stat is;
	if (mkdirat(in, name, mode | 0700) == 0)
		return 0;
	int why = errno;
	if (fstatat(in, name, &is, AT_SYMLINK_NOFOLLOW) == 0) {
		if (S_ISDIR(is.st_mode))
			return 0;
		why = ENOTDIR;
	}
	errno = why;
	return -1;
}

static int finish_folder(int in, const char *name, mode_t mode, struct timespec when) {
	struct timespec both[2] = {when, when};
	int fd = openat(in, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -1;
	int failed = futimens(fd, both) < 0 || fchmod(fd, mode) < 0, why = errno;
	close(fd);
	errno = why;
	return failed ? -1 : 0;
}

/* unlinkable reports whether linkat failed for what does not keep a copy from being made: another volume, or one without links. */
static int unlinkable(int why) {
	return why == EXDEV || why == EPERM || why == EOPNOTSUPP || why == ENOSYS || why == EMLINK;
}

/* duplicate makes a copy of a file where there can be no link to it. */
static int duplicate(int there, const char *name, int here) {
	struct stat is;
	int copy = -1, source = openat(there, name, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
	if (source < 0)
		return -1;
	int failed = fstat(source, &is) < 0, why = errno;
	if (!failed && !S_ISREG(is.st_mode))
		failed = 1, why = EINVAL;
	if (!failed) {
		copy = openat(here, partial, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		ssize_t n = copy < 0 ? -1 : 1;
		while (n > 0)
			n = sendfile(copy, source, NULL, 1 << 20);
		struct timespec both[2] = {is.st_mtim, is.st_mtim};
		failed = n < 0 || fchmod(copy, is.st_mode & 07777) < 0 || futimens(copy, both) < 0, why = errno;
	}
	close(source);
	if (copy >= 0)
		close(copy);
	errno = why;
	return failed ? -1 : 0;
}

/* carry_out does what a record without content asks for. */
static int carry_out(const char *what, char *name, char *other, mode_t mode, struct timespec when, int *in) {
	char *last, *other_last;
	if ((*in = beneath(name, &last)) < 0)
		return -1;
	if (strcmp(what, "folder") == 0)
		return make_folder(*in, last, mode);
	if (strcmp(what, "finish") == 0)
		return finish_folder(*in, last, mode, when);
	folder = *in;
	if (strcmp(what, "link") == 0)
		return symlinkat(other, *in, partial) < 0 ? -1 : place(*in, last);
	if (is_missing(other)) {
		errno = ECANCELED;
		return -1;
	}
	int here = fcntl(*in, F_DUPFD_CLOEXEC, 0); /* which the next call may close */
	folder = *in = here; /* and not root: what may not be read is a matter of this one record */
	int there = beneath(other, &other_last);
	int failed = there < 0 || here < 0 ||
		(linkat(there, other_last, here, partial, 0) < 0 && (!unlinkable(errno) || duplicate(there, other_last, here) < 0)) ||
		place(here, last) < 0, why = errno;
	if (here >= 0)
		unlinkat(here, partial, 0); /* where both were names of one file rename does nothing */
	close(here);
	errno = why;
	return failed ? -1 : 0;
}

static int in(const char *path) {
	static char name[PATH_MAX], other[PATH_MAX];
	struct sigaction action = {.sa_handler = interrupted};
	for (const int *s = (const int[]){SIGTERM, SIGINT, SIGHUP, 0}; *s; s++)
		sigaction(*s, &action, NULL);
	if ((root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC)) < 0)
		end("failed", strerror(errno));
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	snprintf(partial, sizeof partial, ".mindebug-cp-%d-%jx%lx", getpid(), (intmax_t)now.tv_sec, now.tv_nsec);
	say("ready ferry\n");
	flush();
	receiving = 1;
	umask(0);
	for (;;) {
		char what[8] = "";
		unsigned mode = 0;
		long long seconds = 0;
		long nanoseconds = 0;
		size_t n = 0, m = 0;
		sum = 0;
		char *text = line_of_record();
		if (strcmp(text, "end") == 0)
			break;
		if (sscanf(text, "file %o %lld %ld %zu", &mode, &seconds, &nanoseconds, &n) == 4) {
			take_name(name, n);
			take_file(name, mode, (struct timespec){seconds, nanoseconds});
			continue;
		}
		int known = sscanf(text, "folder %o %zu", &mode, &n) == 2 || sscanf(text, "link %zu %zu", &n, &m) == 2 ||
			sscanf(text, "hard %zu %zu", &n, &m) == 2 ||
			sscanf(text, "finish %o %lld %ld %zu", &mode, &seconds, &nanoseconds, &n) == 4;
		if (!known || sscanf(text, "%7s", what) != 1)
			end("failed", "a record of an unknown kind");
		take_name(name, n);
		if (m > 0)
			take_name(other, m);
		proven();
		int at = -1, done = carry_out(what, name, other, mode, (struct timespec){seconds, nanoseconds}, &at);
		folder = -1;
		int why = done < 0 ? errno : 0;
		if (m > 0) /* a link */
			remember(name, why == 0);
		if (why != 0)
			refuse(at, why);
		else
			kept++;
	}
	tell_kept();
	say("end\n");
	flush();
	return 0;
}

int main(int argc, char **argv) {
	signal(SIGPIPE, SIG_IGN);
	make_table();
#ifdef __x86_64__
	if (__builtin_cpu_supports("sse4.2"))
		sum_of = sum_by_processor;
#endif
	if (argc == 2 && strcmp(argv[1], "out") == 0)
		return out();
	if (argc == 3 && strcmp(argv[1], "in") == 0)
		return in(argv[2]);
	fprintf(stderr, "usage: ferry out | ferry in FOLDER\n");
	return 2;
}
