/*
 * archive.c - gzip and zstd files, and pipes: what is read once, in order
 *
 * Places in an archive count the bytes inside.  One is not looked into before it has been quiet
 * for a moment, for it may be in the making.  Then it may turn out that we know what it holds:
 * the log it was made from.  It is read from where that ended, which is mostly its end.
 */
#include "source_files.h"

#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "weft/net.h"
#include "weft/time.h"

#define SETTLE	WEFT_SECOND
#define COVERS	8

static int64_t
settle_time(struct files *f)
{
	return f->linger / 4 < SETTLE ? f->linger / 4 : SETTLE;
}

bool
archive_at(int fd, enum packing how, const struct place *at)
{
	struct inflate *x = inflate_new(fd, how);
	struct trail trail = { 0 };
	bool holds = inflate_skip(x, at->offset, &trail) == 0 && at->tail_len <= trail.len;

	inflate_free(x);
	return holds && (!at->tail_len || at->tail_hash ==
	    identity_hash(trail.last + trail.len - at->tail_len, at->tail_len));
}

bool
archive_holds(int fd, enum packing how, const struct file_id *id, const struct place *at)
{
	struct inflate *x = inflate_new(fd, how);
	char head[FILE_HEAD];
	ssize_t n = inflate_read(x, head, id->head_len);

	inflate_free(x);
	return n == id->head_len && identity_hash(head, n) == id->head_hash &&
	    archive_at(fd, how, at);
}

struct cover { struct file_id id; struct place at; };

static void
may_cover(struct cover *c, int *n, const struct file_id *id, const struct place *at,
    const char *head, size_t len)
{
	int i = *n;

	if (!id->head_len || id->head_len > len ||
	    identity_hash(head, id->head_len) != id->head_hash)
		return;
	if (*n < COVERS)
		(*n)++;
	else if (c[--i].at.offset >= at->offset)
		return;
	for (; i > 0 && c[i - 1].at.offset < at->offset; i--)	/* the longest first */
		c[i] = c[i - 1];
	c[i] = (struct cover){ *id, *at };
}

/*
 * Whose heads are that archive's?  Negative: one that is still being read, and has left: its end
 * decides.
 */
static int
find_covers(struct tail *t, struct cover *c, const char *head, size_t len)
{
	struct files *f = t->f;
	int n = 0;

	for (size_t i = 0; i < f->npast; i++)
		if (f->past[i].k.id.ino != t->file.id.ino)
			may_cover(c, &n, &f->past[i].k.id, &f->past[i].k.at, head, len);
	list_for_each(e, &f->tails) {
		struct tail *other = container_of(e, struct tail, all);
		struct place at;
		int before = n;

		if (other == t || !other->st || other->file.packed)
			continue;
		place_of(other, &at);
		may_cover(c, &n, &other->file.id, &at, head, len);
		if (n > before && (!other->caught || !other->file.matched) && !f->o->once)
			return -EAGAIN;
	}
	return n;
}

/* Begins the stream, where what we have read of it under another name ends. */
static int
begin(struct tail *t, int fd)
{
	struct files *f = t->f;
	struct cover *c = xcalloc(COVERS, sizeof(*c));
	struct inflate *x = inflate_new(fd, t->file.packed);
	char *head = xmalloc(FILE_HEAD);
	ssize_t len = inflate_read(x, head, FILE_HEAD);
	struct known_file k = { .path = t->file.path };
	int n, i = 0;

	inflate_free(x);
	weft_mutex_lock(&f->lock);
	n = find_covers(t, c, head, len > 0 ? len : 0);
	weft_mutex_unlock(&f->lock);
	while (i < n && !archive_holds(fd, t->file.packed, &c[i].id, &c[i].at))
		i++;
	weft_mutex_lock(&f->lock);
	if (n >= 0 && t->fresh && !t->stolen) {
		k.id = t->file.id;
		if (i < n)
			k.at = c[i].at;
		tail_begin(t, i < n ? &k : NULL);
		t->fresh = false;
	}
	weft_mutex_unlock(&f->lock);
	free(head);
	free(c);
	return n < 0 ? n : 0;
}

/*
 * A stream that is read once.  Half a line, or lines that were too many for a batch, are kept
 * in carry, and are not the batch's that was given back.
 */
struct flow {
	struct tail	*t;
	struct scratch	*sc;
	struct buf	 carry;
	ssize_t		(*read)(struct flow *w, void *buf, size_t n);
	struct inflate	*x;
	int		 fd;
	int64_t		 grown;		/* of an archive: when it last did */
};

/* Lines that are in carry are handed on before more is read. */
static bool
has_lines(const struct flow *w)
{
	return w->carry.len >= w->t->f->in->batch / 2 &&
	    memchr(w->carry.data, '\n', w->carry.len);
}

static size_t
room_for(const struct flow *w)
{
	size_t usual = w->t->f->in->batch, most = w->t->f->max_line + 2;

	if (w->carry.len < usual)
		return usual;
	return w->carry.len > most / 2 ? most + usual : 2 * w->carry.len;
}

static void
keep(struct buf *carry, const char *p, size_t n)
{
	carry->len = 0;
	if (n == 0 || carry->room > 4 * n + (1 << 20))
		buf_finish(carry);
	buf_add(carry, p, n);
}

/*
 * One batch: what read gave, or 0 or an error of its, which may come with lines; final
 * says of it whether half a line is one.  -ECANCELED: the source is to stop.
 */
static ssize_t
flow_batch(struct flow *w, bool (*final)(struct flow *w, ssize_t n))
{
	struct tail *t = w->t;
	struct files *f = t->f;
	bool has = has_lines(w), last;
	size_t room = room_for(w), used;
	struct batch *b = f->in->get(f->in, t->st, room);
	ssize_t n = 1;

	if (!b)
		return -ECANCELED;
	buf_add(&b->bytes, w->carry.data, w->carry.len);
	if (!has) {
		n = w->read(w, b->bytes.data + b->bytes.len, room - b->bytes.len);
		if (n > 0)
			b->bytes.len += n;
	}
	last = n <= 0 && final(w, n);
	memset(b->bytes.data + b->bytes.len, '\n', BATCH_PAD);
	used = split_lines(b, f->multiline, w->sc, last, f->max_line, &t->cut);
	keep(&w->carry, b->bytes.data + used, b->bytes.len - used);
	if (!used) {
		batch_unref(b);
		return n;
	}
	weft_mutex_lock(&f->lock);
	tail_take(t, b, used);
	weft_mutex_unlock(&f->lock);
	f->in->submit(f->in, t->st, b);
	return last && w->carry.len ? 1 : n;
}

static ssize_t
read_archive(struct flow *w, void *buf, size_t n)
{
	return inflate_read(w->x, buf, n);
}

static bool
is_broken(ssize_t n)
{
	return n == -ENODATA || n == -EBADMSG || n == -E2BIG;
}

/* One that ends too early may be in the making, or has been left like that. */
static bool
archive_final(struct flow *w, ssize_t n)
{
	struct tail *t = w->t;

	if (n != -ENODATA)
		return n == 0 || is_broken(n);
	return t->f->o->once || weft_now() - w->grown >= t->f->linger;
}

static const char *
what_is_wrong(ssize_t n)
{
	return n == -ENODATA ? "the archive ends too early; what could be read was" :
	    n == -E2BIG ? "it needs too much memory to unpack; unpack it by hand" :
	    "the archive is broken; what could be read was";
}

/* Under the lock. */
static enum turn
archive_ends(struct tail *t, ssize_t n, bool final)
{
	struct files *f = t->f;

	if (n == -ECANCELED)
		return TURN_STOP;
	if (n < 0 && !is_broken(n))
		return tail_failed(t, n);
	if (!final) {
		t->due = weft_now() + settle_time(f);
		return TURN_END;
	}
	if (n < 0)
		f->in->tell(f->in, n, "%s: %s", t->file.path, what_is_wrong(n));
	tail_over(t, true);
	return TURN_OVER;
}

static enum turn
unpack(struct tail *t, struct scratch *sc, int fd)
{
	struct files *f = t->f;
	struct flow w = { .t = t, .sc = sc, .read = read_archive };
	struct trail trail = { 0 };
	enum turn turn;
	ssize_t n;

	w.x = inflate_new(fd, t->file.packed);
	t->cut = 0;
	weft_mutex_lock(&f->lock);
	w.grown = t->file.grown;
	weft_mutex_unlock(&f->lock);
	n = inflate_skip(w.x, t->offset, &trail);
	if (n == 0) {
		t->trail = trail;
		while ((n = flow_batch(&w, archive_final)) > 0)
			;
	}
	weft_mutex_lock(&f->lock);
	turn = archive_ends(t, n == -ESTALE ? -ENODATA : n, n == 0 || archive_final(&w, n));
	weft_mutex_unlock(&f->lock);
	inflate_free(w.x);
	buf_finish(&w.carry);
	return turn;
}

/* Has it been quiet since we looked last? */
static bool
settled(struct tail *t, const struct look *l)
{
	struct files *f = t->f;
	int64_t quiet;

	weft_mutex_lock(&f->lock);
	tail_noticed(t, l);
	quiet = t->file.grown + settle_time(f);
	if (quiet > weft_now() && !t->stolen)
		t->due = quiet;
	weft_mutex_unlock(&f->lock);
	return t->due == 0;
}

enum turn
archive_turn(struct tail *t, struct scratch *sc)
{
	struct files *f = t->f;
	struct look l;
	enum turn turn;
	int err = look_fd(t->file.fd, &l);
	bool stolen;

	if (!err && !f->o->once && !settled(t, &l))
		return TURN_END;
	if (!err && t->fresh)
		err = begin(t, t->file.fd);
	weft_mutex_lock(&f->lock);
	stolen = t->stolen;
	weft_mutex_unlock(&f->lock);
	if (!err && !stolen)
		return unpack(t, sc, t->file.fd);
	weft_mutex_lock(&f->lock);
	if (stolen) {
		tail_over(t, false);
		turn = TURN_OVER;
	} else if (err == -EAGAIN) {
		t->due = weft_now() + settle_time(f);
		turn = TURN_END;
	} else {
		turn = tail_failed(t, err);
	}
	weft_mutex_unlock(&f->lock);
	return turn;
}

static ssize_t
read_pipe(struct flow *w, void *buf, size_t n)
{
	ssize_t got = read(w->fd, buf, n);

	return got < 0 ? -errno : got;
}

static bool
pipe_final(struct flow *w, ssize_t n)
{
	return n == 0 || (n == -EAGAIN && weft_err(w->t->f->ctx));
}

/* Waits without a batch.  What is left when we are to stop cannot be read again: it goes on. */
static void
read_on(struct flow *w)
{
	struct files *f = w->t->f;
	ssize_t n = 1;
	int ready;

	while (n > 0 || n == -EAGAIN || n == -EINTR) {
		ready = has_lines(w) ? POLLIN : weft_wait_fd(f->ctx, w->fd, POLLIN);
		if (ready < 0 && !w->carry.len)
			break;
		n = flow_batch(w, pipe_final);
		if (ready < 0 && n <= 0)
			break;
	}
	if (w->carry.len)
		f->in->lost(f->in, w->t->st, w->carry.len, "half a line when the source stopped");
	if (n < 0 && n != -ECANCELED && n != -EAGAIN)
		f->in->tell(f->in, n, "%s: cannot be read: %s", w->t->file.path,
		    strerrordesc_np(-n));
}

void
pipe_run(struct files *f, char *path, int fd)
{
	struct tail t = { .f = f, .file.path = path };
	struct flow w = { .t = &t, .fd = fd, .read = read_pipe,
	    .sc = f->multiline ? scratch_new() : NULL };

	t.st = f->in->open(f->in, path, NULL, NULL);
	read_on(&w);
	f->in->close(f->in, t.st, true, true);
	buf_finish(&w.carry);
	scratch_free(w.sc);
	close(fd);
	free(path);
	weft_mutex_lock(&f->lock);
	f->active--;
	files_kick(f);
	weft_mutex_unlock(&f->lock);
}
