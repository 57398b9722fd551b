/* oomfirst PROGRAM [ARGUMENT...]: run PROGRAM as the first process that the kernel's OOM killer takes.
 *
 * A debug container has no memory limit of its own: what it allocates counts against its target's pod. With
 * oom_score_adj at 1000 the kernel kills the session rather than the target (proc_pid_oom_score_adj(5)).
 *
 * A program that was executed from a file that its user may not read is not dumpable, and /proc/self/oom_score_adj then
 * belongs to root (proc(5), PR_SET_DUMPABLE(2const)). So this program makes itself dumpable for the one system call
 * that opens that file, and for nothing else; its environment is not that of the session yet, and no other file is
 * opened meanwhile. In a pod that asks for no resources the score is 1000 from the start, and the file is only read.
 * Where the file cannot be opened or written, PROGRAM runs all the same: the session says so.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <errno.h>
#include <sys/prctl.h>
#include <unistd.h>

int main(int argc, char **argv) {
	if (argc < 2) {
		fprintf(stderr, "usage: oomfirst PROGRAM [ARGUMENT...]\n");
		return 125;
	}
	char score[8] = "";
	/* The directory is opened before, so that as little as possible is done while others may look in. */
	int self = open("/proc/self", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int now = openat(self, "oom_score_adj", O_RDONLY | O_CLOEXEC);
	if (now >= 0 && read(now, score, sizeof score - 1) > 0 && strcmp(score, "1000\n") == 0)
		goto run;
	int was = prctl(PR_GET_DUMPABLE, 0, 0, 0, 0);
	prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
	int file = openat(self, "oom_score_adj", O_WRONLY | O_CLOEXEC);
	if (was != 1)
		prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	if (file >= 0 && write(file, "1000", 4) != 4)
		fprintf(stderr, "oomfirst: setting oom_score_adj: %s\n", strerror(errno));
run:
	execvp(argv[1], argv + 1);
	fprintf(stderr, "oomfirst: %s: %s\n", argv[1], strerror(errno));
	return errno == ENOENT ? 127 : 126;
}
