/*
 * watch.h - inotify: hints that something happened to a file or in a directory
 *
 * Hints only.  Events are lost when the queue overflows, and some file systems tell nothing;
 * who watches looks for himself from time to time.
 */
#ifndef WEFT_PIPELINE_WATCH_H
#define WEFT_PIPELINE_WATCH_H

#include <stdalign.h>
#include <sys/inotify.h>

#include "weft/weft.h"

struct watch {
	int	fd;			/* negative: refused, or not open */
	alignas(struct inotify_event) char buf[16 << 10];
	size_t	at, len;
};

int	watch_open(struct watch *w);
void	watch_close(struct watch *w);
/*
 * A descriptor of the watch, or a negative errno: -EOPNOTSUPP if the file system does not tell
 * of changes made elsewhere.  Again for the same directory: the same descriptor.
 */
int	watch_dir(struct watch *w, const char *path);
int	watch_file(struct watch *w, int fd);
void	watch_drop(struct watch *w, int wd);
/* Waits for events; 0, or a negative errno. */
int	watch_wait(weft_ctx *ctx, struct watch *w);
/* The next event that is there, or NULL; good until the next call. */
const struct inotify_event *watch_next(struct watch *w);

#endif
