/* unixcat PID PATH: standard input goes to the Unix socket at PATH, and what comes from there to standard output, until the other
 * side ends it. For what BusyBox's nc cannot do: to speak with a program that listens on a file of its own, as a JVM does for
 * `triage java`.
 *
 * The socket may be no link and must belong to the user who asks: what a stranger has put there is not spoken to. Nor is another
 * process than PID, in this process's own namespace, since two containers may share the folder and have the same number for their
 * own: the kernel says who listens (SO_PEERCRED of unix(7)), and the exit status is 4. A path may be longer than a socket's
 * address has room for, so it is reached from its own folder.
 */
#define _GNU_SOURCE /* struct ucred */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static int fail(const char *what, const char *why) {
	fprintf(stderr, "unixcat: %s: %s\n", what, why);
	return 1;
}

/* pass: one read's worth from one to the other; 0 at the end, -1 where it failed. */
static int pass(int from, int to) {
	char data[16384];
	ssize_t got = read(from, data, sizeof data), done = 0;
	while (done < got) {
		ssize_t n = write(to, data + done, (size_t)(got - done));
		if (n < 0)
			return -1;
		done += n;
	}
	return got > 0 ? 1 : (int)got;
}

int main(int argc, char **argv) {
	char *end, *name;
	long pid = argc == 3 ? strtol(argv[1], &end, 10) : 0;
	if (pid <= 0 || *end || !(name = strrchr(argv[2], '/'))) {
		fprintf(stderr, "usage: unixcat PID FOLDER/NAME\n");
		return 2;
	}
	*name++ = 0;
	if (chdir(*argv[2] ? argv[2] : "/") < 0)
		return fail(argv[2], strerror(errno));
	struct stat is;
	if (lstat(name, &is) < 0)
		return fail(name, strerror(errno));
	if (!S_ISSOCK(is.st_mode) || is.st_uid != geteuid())
		return fail(name, "it is no socket of this user's");
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	if (strlen(name) >= sizeof address.sun_path)
		return fail(name, strerror(ENAMETOOLONG));
	strcpy(address.sun_path, name);
	int there = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (there < 0 || connect(there, (struct sockaddr *)&address, sizeof address) < 0)
		return fail(name, strerror(errno));
	struct ucred peer;
	socklen_t size = sizeof peer;
	if (getsockopt(there, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
		return fail(name, strerror(errno));
	if (peer.pid != pid) {
		fail(name, "another process listens there");
		return 4;
	}
	struct pollfd ready[2] = {{.fd = there, .events = POLLIN}, {.fd = 0, .events = POLLIN}};
	for (;;) {
		if (poll(ready, 2, -1) < 0)
			return fail("poll", strerror(errno));
		if (ready[1].revents) {
			int n = pass(0, there);
			if (n < 0)
				return fail(name, strerror(errno));
			if (n == 0) {
				shutdown(there, SHUT_WR);
				ready[1].fd = -1;
			}
		}
		if (ready[0].revents) {
			int n = pass(there, 1);
			if (n <= 0)
				return n < 0 ? fail(name, strerror(errno)) : 0;
		}
	}
}
