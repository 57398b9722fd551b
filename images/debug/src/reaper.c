/* reaper [-x] PROGRAM [ARGUMENT...]: run PROGRAM, and adopt and reap what it leaves behind.
 *
 * In a process namespace that is shared, a process whose parent has ended becomes a child of the target's first process,
 * which rarely reaps: it would stay a zombie. So PROGRAM's parent is a child subreaper (PR_SET_CHILD_SUBREAPER(2const)).
 *
 * The process that the runtime exec'ed cannot be that one: the runtime kills it when the client's connection ends, and what
 * it had adopted would be orphaned once more. So the reaper is made as its sibling (CLONE_PARENT of clone(2)), a child of
 * the runtime's shim, which reaps all of its children. It outlives PROGRAM until it has no child, and ends. The process
 * that was exec'ed only waits for PROGRAM's exit status, to end with it.
 *
 * With -x PROGRAM is that sibling itself, so that it outlives a lost connection and is nobody's zombie, and reaps for itself.
 *
 * Where the parent is a process of this namespace there is nothing to outlive: then the process that was called is the
 * reaper, or PROGRAM, itself, as it is where the kernel refuses CLONE_PARENT.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { KILLED = 128 + SIGKILL, OUT_OF_THE_WAY = 60 /* a descriptor that no script uses */ };

static sigset_t before;

static _Noreturn void run(char **argv) {
	sigprocmask(SIG_SETMASK, &before, NULL);
	execvp(argv[0], argv);
	fprintf(stderr, "reaper: %s: %s\n", argv[0], strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

/* await reaps until PROGRAM has ended, whose exit status it returns as a shell would. */
static int await(pid_t program) {
	for (;;) {
		int status;
		pid_t pid = wait(&status);
		if (pid < 0 && errno != EINTR)
			return KILLED;
		if (pid == program)
			return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	}
}

/* reap starts PROGRAM, and tells its exit status to the descriptor of a pipe, unless that is -1. */
static int reap(char **argv, int told) {
	if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0)
		fprintf(stderr, "reaper: adopting orphans: %s\n", strerror(errno));
	pid_t program = fork();
	if (program == 0)
		run(argv);
	if (program < 0) {
		fprintf(stderr, "reaper: starting a process: %s\n", strerror(errno));
		return 126;
	}
	if (told < 0)
		return await(program);
	/* An exec lasts until the last holder of its output has closed it. */
	for (int fd = 0; fd <= 2; fd++)
		close(fd);
	unsigned char status = await(program);
	(void)!write(told, &status, 1);
	close(told);
	while (wait(NULL) > 0 || errno == EINTR)
		;
	return 0;
}

/* part makes a sibling, and returns in that: one end of a pipe, by which the caller is told what to end with; untold where
 * it is told nothing. It returns -1 where there is to be no sibling. */
static int part(int untold) {
	int ends[2];
	if (getppid() != 0 || pipe2(ends, O_CLOEXEC) < 0)
		return -1;
	pid_t sibling = syscall(SYS_clone, CLONE_PARENT | SIGCHLD, NULL, NULL, NULL, NULL);
	if (sibling == 0) {
		close(ends[0]);
		return ends[1];
	}
	close(ends[1]);
	unsigned char status;
	ssize_t got = 0;
	while (sibling > 0 && (got = read(ends[0], &status, 1)) < 0 && errno == EINTR)
		;
	if (sibling > 0)
		_exit(got == 1 ? status : untold);
	close(ends[0]);
	return -1;
}

int main(int argc, char **argv) {
	int exec = argc > 1 && strcmp(argv[1], "-x") == 0;
	argv += 1 + exec;
	if (!argv[0]) {
		fprintf(stderr, "usage: reaper [-x] PROGRAM [ARGUMENT...]\n");
		return 125;
	}
	/* What a terminal or a user sends is PROGRAM's to take; SIGKILL and SIGSTOP remain. */
	sigset_t all;
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	int told = part(exec ? 0 : KILLED);
	if (!exec)
		return reap(argv, told);
	if (told >= 0 && fcntl(told, F_DUPFD, OUT_OF_THE_WAY) < 0) /* PROGRAM holds it to its end */
		fprintf(stderr, "reaper: %s\n", strerror(errno));
	run(argv);
}
