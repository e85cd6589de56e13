/* poll_test.c - waiting for any descriptor, and idling without a new system call */
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <stddef.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "child_test.h"
#include "debug.h"
#include "net.h"
#include "settle_test.h"
#include "sync.h"
#include "testing.h"
#include "time.h"

static void wait_fd(int fd, int events, int want)
{
	CHECK_EQ(weft_wait_fd(NULL, fd, (short)events), want);
}

TEST(WaitForAPipe)
{
	weft_waitgroup wg = {0};
	int fd[2];
	char x;

	REQUIRE(pipe2(fd, O_CLOEXEC) == 0);
	CHECK_EQ(weft_wait_fd(NULL, fd[1], POLLOUT), POLLOUT);
	for (int i = 0; i < 3; i++) {
		weft_waitgroup_go(&wg, wait_fd, fd[0], POLLIN, POLLIN);
		settle(wait_fd, WAIT_FD, 1);
		CHECK_EQ(write(fd[1], "x", 1), 1);
		weft_waitgroup_wait(&wg);
		CHECK_EQ(read(fd[0], &x, 1), 1);
	}
	weft_waitgroup_go(&wg, wait_fd, fd[0], POLLIN, POLLHUP);
	settle(wait_fd, WAIT_FD, 1);
	close(fd[1]);
	weft_waitgroup_wait(&wg);
	close(fd[0]);
}

TEST(ManyWaitForOneDescriptor)
{
	weft_waitgroup wg = {0};
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	uint64_t one = 1;

	for (int i = 0; i < 10; i++)
		weft_waitgroup_go(&wg, wait_fd, fd, POLLIN, POLLIN);
	settle(wait_fd, WAIT_FD, 10);
	CHECK_EQ(write(fd, &one, sizeof one), sizeof one);
	weft_waitgroup_wait(&wg);
	close(fd);
}

TEST(RegularFilesAreReady)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	CHECK_EQ(weft_wait_fd(NULL, fd, POLLIN), POLLIN);
	CHECK_EQ(weft_wait_fd(NULL, fd, POLLIN | POLLOUT), POLLIN | POLLOUT);
	close(fd);
	CHECK_EQ(weft_wait_fd(NULL, fd, POLLIN), -EBADF);
}

/* As in a container whose filter is older than the call. */
CHILD(RefusedPwait2)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_epoll_pwait2, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog filter = { sizeof code / sizeof *code, code };
	struct weft_stats before, after;

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &filter))
		return 0;		/* this system has no filters */
	weft_stats(&before);
	weft_sleep(20 * WEFT_MS);
	weft_stats(&after);
	return after.polls - before.polls > 200;	/* it takes a few */
}

TEST(IdlesWhenPwait2IsRefused)
{
	CHECK_EXITS("RefusedPwait2");
}
