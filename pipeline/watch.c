/*
 * watch.c - inotify, as far as it can be had
 *
 * Files are watched by their descriptor, through /proc: a name may belong to another file by
 * the time it is looked up.
 */
#include "watch.h"

#include <poll.h>
#include <stdio.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "weft/net.h"

#define DIR_EVENTS	(IN_CREATE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE | IN_ONLYDIR)
#define FILE_EVENTS	(IN_MODIFY | IN_ATTRIB | IN_MOVE_SELF | IN_DELETE_SELF)

int
watch_open(struct watch *w)
{
	w->at = w->len = 0;
	w->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (w->fd < 0)
		w->fd = -errno;
	return w->fd < 0 ? w->fd : 0;
}

void
watch_close(struct watch *w)
{
	if (w->fd >= 0)
		close(w->fd);
	w->fd = -EBADF;
}

/* What others change there is not seen here: network file systems and their like. */
static bool
tells(const struct statfs *s)
{
	switch ((uint32_t)s->f_type) {
	case 0x6969:		/* NFS   */
	case 0xff534d42:	/* CIFS  */
	case 0xfe534d42:	/* SMB2  */
	case 0x517b:		/* SMB   */
	case 0x65735546:	/* FUSE  */
	case 0x01021997:	/* 9P    */
	case 0x00c36400:	/* Ceph  */
	case 0x5346414f:	/* AFS   */
	case 0x0bd00bd0:	/* Lustre */
	case 0x47504653:	/* GPFS  */
	case 0x9fa0:		/* proc  */
		return false;
	}
	return true;
}

static int
add(struct watch *w, const char *path, uint32_t events)
{
	struct statfs s;
	int wd = w->fd, err = 0;

	if (w->fd < 0)
		return w->fd;
	weft_enter_blocking();
	if (statfs(path, &s) < 0)
		err = -errno;
	else if (!tells(&s))
		err = -EOPNOTSUPP;
	else if ((wd = inotify_add_watch(w->fd, path, events)) < 0)
		err = -errno;
	weft_leave_blocking();
	return err ? err : wd;
}

int
watch_dir(struct watch *w, const char *path)
{
	return add(w, path, DIR_EVENTS);
}

int
watch_file(struct watch *w, int fd)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return add(w, path, FILE_EVENTS);
}

void
watch_drop(struct watch *w, int wd)
{
	if (w->fd >= 0 && wd >= 0)
		inotify_rm_watch(w->fd, wd);
}

int
watch_wait(weft_ctx *ctx, struct watch *w)
{
	int n = weft_wait_fd(ctx, w->fd, POLLIN);

	return n < 0 ? n : 0;
}

const struct inotify_event *
watch_next(struct watch *w)
{
	const struct inotify_event *e;
	ssize_t n;

	if (w->at == w->len) {
		n = read(w->fd, w->buf, sizeof(w->buf));
		w->at = 0;
		w->len = n > 0 ? n : 0;
		if (n <= 0)
			return NULL;
	}
	e = (const struct inotify_event *)(w->buf + w->at);
	w->at += sizeof(*e) + e->len;
	return e;
}
