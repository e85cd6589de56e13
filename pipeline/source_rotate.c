/*
 * source_rotate.c - truncations and copies: a stream goes on in another file
 *
 * Copy and truncate is seen as what it means: the file that was read has got another inode
 * (the copy's), and a new file stands in its place.  So the stream moves to the copy, is read to
 * its end there, and what the old inode holds from now on is a new stream.  Without a copy the
 * stream is over, and what it had not read is counted as lost.
 *
 * The file that shrank is searched for a copy at once, also while its reader waits for the
 * pipeline: the next truncation may already be on its way.
 */
#include "source_files.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "weft/time.h"

#define DOUBT_LOOK	(20 * WEFT_MS)

struct inode { uint64_t dev, ino; };

struct tail *
files_by_inode(struct files *f, uint64_t dev, uint64_t ino)
{
	struct inode key = { dev, ino };
	struct map_entry *e = map_find(&f->inodes, &key, sizeof(key), map_hash(&key, sizeof(key)));

	return e ? e->value : NULL;
}

void
files_enter(struct files *f, struct tail *t)
{
	struct inode key = { t->file.id.dev, t->file.id.ino };
	int wd = watch_file(&f->watch, t->file.fd);

	map_insert(&f->inodes, &key, sizeof(key), map_hash(&key, sizeof(key)), NULL)->value = t;
	t->file.wd = wd;
	if (wd >= 0)
		map_insert(&f->watched, &wd, sizeof(wd), map_hash(&wd, sizeof(wd)), NULL)->value = t;
}

void
files_leave(struct files *f, struct tail *t)
{
	struct inode key = { t->file.id.dev, t->file.id.ino };

	if (files_by_inode(f, key.dev, key.ino) == t)
		map_delete(&f->inodes, &key, sizeof(key), map_hash(&key, sizeof(key)), NULL);
	files_unwatch(f, t);
}

void
files_unwatch(struct files *f, struct tail *t)
{
	int wd = t->file.wd;

	if (wd < 0)
		return;
	map_delete(&f->watched, &wd, sizeof(wd), map_hash(&wd, sizeof(wd)), NULL);
	watch_drop(&f->watch, wd);
	t->file.wd = -1;
}

int
tail_intact(struct tail *t, int fd, const struct look *l)
{
	struct place none = { 0 };

	if (l->size < t->offset)
		return 0;
	if (t->offset)
		return trail_holds(&t->trail, fd, t->offset);
	return t->file.id.head_len ? identity_holds(fd, l, &t->file.id, &none) : 1;
}

/* Opens it if it holds them; the caller has looked at what may be there. */
static int
open_if_holds(const char *path, const struct look *l, const struct file_id *id,
    const struct place *at, struct opened *out)
{
	enum packing how;
	int fd = fdio_open(path, O_RDONLY | O_NOCTTY | O_NONBLOCK, 0), holds;

	if (fd < 0)
		return fd;
	how = packing_of_file(fd);
	holds = how == PACKED_NOT ? identity_holds(fd, l, id, at) :
	    l->mtime >= id->btime && archive_holds(fd, how, id, at);
	if (holds <= 0 || (*out = (struct opened){ .fd = fd, .wd = -1, .packed = how },
	    identity_of(fd, l, &out->id)) < 0) {
		close(fd);
		return -ENOENT;
	}
	out->path = xstrdup(path);
	out->size = l->size;
	out->mtime = l->mtime;
	out->grown = weft_now();
	return 0;
}

/*
 * May it be a copy: a regular file that nobody reads, and not the one that was copied?  What an
 * output has written raw begins like what it was read from, and is none.
 */
static bool
may_hold(struct files *f, const struct look *l, const struct file_id *id)
{
	struct tail *t = files_by_inode(f, l->dev, l->ino);

	if (!S_ISREG(l->mode) || l->size == 0 || (l->dev == id->dev && l->ino == id->ino) ||
	    f->in->ours(f->in, l->dev, l->ino))
		return false;
	return !t || t->fresh || t->doubt;
}

int
find_copy(struct files *f, const char *dir, const struct file_id *id, const struct place *at,
    struct opened *out)
{
	struct names names;
	struct opened one;
	struct look l;
	char *path;
	int err = names_read(&names, dir);

	out->fd = -ENOENT;
	if (!id->head_len && !at->tail_len)
		err = -ENOENT;		/* nothing to know it by */
	for (size_t i = 0; !err && i < names.n; i++) {
		path = path_join(dir, names.at[i].name);
		if (look_path(path, &l) == 0 && may_hold(f, &l, id) &&
		    open_if_holds(path, &l, id, at, &one) == 0) {
			if (out->fd >= 0 && (out->size >= one.size || one.packed)) {
				opened_close(&one);
			} else {	/* the longest, for it has all of it */
				if (out->fd >= 0)
					opened_close(out);
				*out = one;
			}
		}
		free(path);
	}
	names_finish(&names);
	return err ? err : out->fd < 0 ? out->fd : 0;
}

/*
 * A writer that goes on at its old place leaves a hole before it, and zeros up to the first
 * byte: they are nobody's line.
 */
static uint64_t
after_hole(int fd, const struct look *l)
{
	char page[512];
	off_t at = l->size ? lseek(fd, 0, SEEK_DATA) : 0;
	ssize_t n;

	if (at < 0)
		return 0;
	while ((n = fdio_pread(fd, page, sizeof(page), at)) > 0) {
		for (ssize_t i = 0; i < n; i++)
			if (page[i])
				return at + i;
		at += n;
	}
	return 0;
}

/* It was found by a pattern, and nothing of it has been read. */
static void
steal(struct tail *t)
{
	files_leave(t->f, t);
	t->stolen = true;
	t->file.matched = false;
	t->due = 0;
	t->gen++;
	tail_release(t);
	if (t->after)
		t->after->next = NULL;
	t->after = NULL;
	tail_poke(t);			/* its reader closes it */
}

/* The stream goes on in the copy. */
static void
move_to(struct tail *t, struct opened *copy, uint64_t had)
{
	struct files *f = t->f;
	struct tail *other = files_by_inode(f, copy->id.dev, copy->id.ino);

	if (other)
		steal(other);
	copy->matched = globs_match(&f->globs, copy->path);
	copy->round = f->round;
	t->file = *copy;
	files_enter(f, t);
	f->in->update(f->in, t->st, copy->path, &copy->id);
	if (!copy->packed && had > copy->size)
		f->in->lost(f->in, t->st, had - copy->size,
		    "truncated after the copy was made, before it could be read");
}

/*
 * Under the lock: the file of a stream that goes on elsewhere, or is over.  It has a stream of its
 * own at once, so that it is known under any name when we are killed now.
 */
struct tail *
tail_emptied(struct files *f, struct opened *o, const struct look *l)
{
	struct look now;
	struct tail *t;

	identity_of(o->fd, l, &o->id);
	o->size = l->size;
	o->mtime = l->mtime;
	t = tail_new(f, o);
	t->emptied = true;
	tail_begin(t, NULL);
	if (look_fd(o->fd, &now) == 0) {	/* it is watched by now */
		tail_noticed(t, &now);
		tail_head(t, o->fd, &now);
	}
	return t;
}

void
tail_skip_hole(struct tail *t, const struct look *l)
{
	struct intake *in = t->f->in;
	struct known_file k = { .path = t->file.path };

	t->emptied = false;
	k.at.offset = after_hole(t->file.fd, l);
	if (!k.at.offset || trail_load(&t->trail, t->file.fd, k.at.offset) < 0)
		return;
	k.at.tail_len = t->trail.len;
	k.at.tail_hash = trail_hash(&t->trail);
	in->close(in, t->st, false, true);
	identity_of(t->file.fd, l, &t->file.id);
	k.id = t->file.id;
	tail_begin(t, &k);
}

void
tail_truncated(struct tail *t, const struct look *l)
{
	struct files *f = t->f;
	struct opened old = t->file, copy;
	char *dir = path_dir(old.path);
	struct tail *anew;
	struct place at;

	place_of(t, &at);
	files_leave(f, t);
	old.wd = -1;
	if (find_copy(f, dir, &old.id, &at, &copy) == 0) {
		move_to(t, &copy, old.size);
	} else {
		t->file.fd = -1;
		t->file.path = xstrdup(old.path);
		t->file.matched = false;
		if (old.size > t->offset)
			f->in->lost(f->in, t->st, old.size - t->offset,
			    "truncated before it could be read");
	}
	free(dir);
	t->gen++;
	t->due = 0;
	t->half = t->need = t->usual = 0;
	anew = tail_emptied(f, &old, l);
	tail_holds(anew, old.path);
	if (!t->next && !anew->after)
		tail_follows(anew, t);
	tail_poke(t);
	tail_poke(anew);
}

/* Are the n bytes at that place the same in both? */
static bool
equal_at(int a, int b, size_t n, uint64_t at)
{
	char x[FILE_TAIL], y[FILE_TAIL];
	ssize_t got;

	for (size_t m; n > 0; n -= m, at += m) {
		m = n < sizeof(x) ? n : sizeof(x);
		got = fdio_pread(a, x, m, at);
		if (got != (ssize_t)m || fdio_pread(b, y, m, at) != got || memcmp(x, y, m) != 0)
			return false;
	}
	return true;
}

/* The first bytes of a new file, and the hash of so many of them as was asked for last. */
struct head { size_t len, hashed; uint64_t hash; char bytes[FILE_HEAD]; };

/* Cheap, for it is asked of each file there is. */
static bool
same_head(struct head *h, const struct file_id *id)
{
	if (id->head_len > h->len)	/* it is shorter: look at the files */
		return true;
	if (h->hashed != id->head_len)
		h->hash = identity_hash(h->bytes, h->hashed = id->head_len);
	return h->hash == id->head_hash;
}

/* Does fd hold what t was seen to hold, as far as fd goes? */
static bool
repeats(struct tail *t, int fd, const struct look *l)
{
	size_t head = t->file.id.head_len < l->size ? t->file.id.head_len : l->size;
	size_t end = l->size < FILE_TAIL ? l->size : FILE_TAIL;
	struct place none = { 0 };
	struct look now;

	if (l->size > t->file.size)
		return false;
	while (look_fd(t->file.fd, &now) == 0 && tail_intact(t, t->file.fd, &now) > 0) {
		if (equal_at(fd, t->file.fd, head, 0) &&
		    equal_at(fd, t->file.fd, end, l->size - end))
			return true;
		/* or is it being truncated while we look? */
		if (look_fd(t->file.fd, &now) == 0 && now.size >= l->size)
			return false;
	}
	/* it was truncated since: compare with what we remember of it */
	return l->size >= t->file.id.head_len && l->size >= t->offset &&
	    identity_holds(fd, l, &t->file.id, &none) > 0 &&
	    trail_holds(&t->trail, fd, t->offset) > 0;
}

bool
repeats_any(struct files *f, int fd, const char *path, const struct look *l)
{
	size_t dir = path_base(path) - path;
	struct head h = { 0 };
	ssize_t n = fdio_pread(fd, h.bytes, sizeof(h.bytes), 0);

	if (n <= 0)
		return false;
	h.len = n;
	list_for_each(e, &f->tails) {
		struct tail *t = container_of(e, struct tail, all);

		if (!t->st || t->state == TAIL_OVER || t->file.fd < 0 || t->file.packed ||
		    !t->file.id.head_len || !same_head(&h, &t->file.id) ||
		    strncmp(t->file.path, path, dir) != 0 ||
		    strchr(t->file.path + dir, '/'))
			continue;
		if (repeats(t, fd, l))
			return true;
	}
	return false;
}

/*
 * A file that is new, and so far the same as one that we read, is not read itself for as long as
 * a rotation may take: it may be the copy that is made before that one is truncated.
 */
void
tail_resolve(struct tail *t, const struct look *l)
{
	struct files *f = t->f;

	tail_noticed(t, l);
	if (l->size == 0 && !t->final)
		return;
	if (!t->final && weft_now() - t->file.grown < f->linger &&
	    repeats_any(f, t->file.fd, t->file.path, l)) {
		t->due = weft_now() + DOUBT_LOOK;
		files_kick(f);
		return;
	}
	t->doubt = false;
	t->due = 0;
	identity_of(t->file.fd, l, &t->file.id);
	tail_begin(t, NULL);
}
