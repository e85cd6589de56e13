/* poll_test.c - waiting for any descriptor */
#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "net.h"
#include "settle_test.h"
#include "sync.h"
#include "testing.h"

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
