/*
 * tail.c - reads a file, a batch at a time
 *
 * A turn looks at the file, asks for a batch, reads from the place where the last one ended, and
 * hands on the whole lines among it; half a line is read again when it has grown.  So nothing
 * is kept while waiting, and nothing is handed on that is not a line yet.  Before the bytes go on,
 * those before the place are compared with the ones remembered: a file that was truncated
 * and has grown again is found out, whatever its size.
 */
#include "source_files.h"

#include <time.h>

#include "weft/time.h"

#define BACKOFF_MIN	(100 * WEFT_MS)
#define BACKOFF_MAX	(60 * WEFT_SECOND)
#define BACKOFF_ONCE	(2 * WEFT_SECOND)	/* what is read once has an end */

enum turn
tail_failed(struct tail *t, int err)
{
	struct files *f = t->f;

	if (t->error != err)
		f->in->tell(f->in, err, "%s: cannot be read at byte %llu: %s; it is tried again",
		    t->file.path, (unsigned long long)t->offset, strerrordesc_np(-err));
	t->error = err;
	t->backoff = !t->backoff ? BACKOFF_MIN :
	    t->backoff > BACKOFF_MAX / 2 ? BACKOFF_MAX : 2 * t->backoff;
	t->due = weft_now() + t->backoff;
	if (!f->o->once || t->backoff < BACKOFF_ONCE)
		return TURN_FAILED;
	f->in->tell(f->in, err, "%s: given up at byte %llu", t->file.path,
	    (unsigned long long)t->offset);
	tail_over(t, false);
	return TURN_OVER;
}

void
tail_noticed(struct tail *t, const struct look *l)
{
	if (l->size > t->file.size)
		t->file.size = l->size;
	else if (l->mtime == t->file.mtime)
		return;
	t->file.mtime = l->mtime;
	t->file.grown = weft_now();
}

static int64_t
wall_clock(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * WEFT_SECOND + now.tv_nsec;
}

void
tail_take(struct tail *t, struct batch *b, size_t n)
{
	b->bytes.len = n;
	b->from = t->offset;
	b->to = t->offset + n;
	b->first = t->lines + 1;
	b->received = wall_clock();
	trail_add(&t->trail, b->bytes.data, n);
	b->tail_len = t->trail.len;
	b->tail_hash = trail_hash(&t->trail);
	assert_always(b->nlines > 0 && b->lines[b->nlines - 1].end == n);
	t->offset += n;
	t->lines += b->nlines;
	t->half = 0;
	t->need = 0;
	t->usual = b->nlines == BATCH_LINES ? n : 0;
}

/*
 * The hash of the head, now that there is more of it: a restart has more to go by.  What was known of
 * it must still be there, looked at last: a file that was truncated meanwhile has another head,
 * by which its copy would not be found.
 */
void
tail_head(struct tail *t, int fd, const struct look *l)
{
	struct files *f = t->f;
	struct file_id id, known;
	struct look before = *l;

	if (t->file.id.head_len == FILE_HEAD || l->size <= t->file.id.head_len ||
	    identity_of(fd, l, &id) < 0)
		return;
	before.size = t->file.id.head_len;
	if (before.size && (identity_of(fd, &before, &known) < 0 ||
	    known.head_len != before.size || known.head_hash != t->file.id.head_hash))
		return;
	t->file.id = id;
	if (!t->late)
		f->in->update(f->in, t->st, t->file.path, &id);
}

/* What there is to do in a turn, as seen under the lock. */
struct view {
	int fd;
	unsigned gen;
	struct look look;
	bool final, flush;
	uint64_t half;
	size_t need, usual;
	struct scratch *sc;		/* of multiline */
};

/* False: the file is another one by now; what was read is void. */
static bool
still(struct tail *t, const struct view *v)
{
	weft_mutex_lock(&t->f->lock);
	if (t->gen == v->gen)
		return true;
	weft_mutex_unlock(&t->f->lock);
	return false;
}

/* Under the lock, with an intact file and nothing more to hand on. */
static enum turn
at_end(struct tail *t, const struct view *v)
{
	tail_noticed(t, &v->look);
	if (v->look.size < t->file.size) {	/* a half line, or more, was cut off */
		t->f->in->lost(t->f->in, t->st, t->file.size - v->look.size,
		    "cut off before it could be read");
		t->file.size = v->look.size;
		if (t->half > v->look.size - t->offset)
			t->half = v->look.size - t->offset;
	}
	if (v->look.size > t->offset + t->half || (v->final && v->look.size > t->offset))
		return TURN_MORE;
	t->flush = false;
	if (!v->final)
		return TURN_END;
	tail_over(t, true);
	return TURN_OVER;
}

/* The lines among the n bytes in b; how many bytes they take. */
static size_t
find_lines(struct tail *t, const struct view *v, struct batch *b, size_t n, bool all)
{
	const char *newline;

	b->bytes.len = n;
	memset(b->bytes.data + n, '\n', BATCH_PAD);
	if (v->flush && !v->final) {	/* the group is complete, a half line is not */
		newline = memrchr(b->bytes.data, '\n', n);
		b->bytes.len = newline ? newline + 1 - b->bytes.data : 0;
	}
	return split_lines(b, t->f->multiline, v->sc, all && (v->final || v->flush),
	    t->f->max_line, &t->cut);
}

/* Under the lock: no whole line among the n bytes that were read. */
static enum turn
no_line(struct tail *t, const struct view *v, struct batch *b, size_t n, bool all)
{
	struct files *f = t->f;

	t->half = n;
	t->group = memchr(b->bytes.data, '\n', n);
	if (all)
		t->flush = false;
	else if (t->group || v->final)
		t->need = 2 * n > f->max_line ? f->max_line + 2 : 2 * n;
	return all ? TURN_END : TURN_MORE;
}

/* Under the lock: n bytes were read, used of them are lines; the batch is to go on. */
static enum turn
some_lines(struct tail *t, const struct view *v, struct batch *b, size_t n, size_t used, bool all)
{
	bool full = b->nlines == BATCH_LINES;

	tail_take(t, b, used);
	if (!full)
		t->half = n - used;
	if (all && !full)
		t->flush = false;
	if (t->error)
		t->f->in->tell(t->f->in, 0, "%s: can be read again", t->file.path);
	t->error = 0;
	t->backoff = 0;
	tail_head(t, v->fd, &v->look);
	return all && !full && !v->final ? TURN_END : TURN_MORE;
}

/* How much to read: no more than the lines that fit, if the last batch was full of them. */
static size_t
wanted(const struct view *v, size_t room, uint64_t unread)
{
	size_t n = unread < room ? unread : room;

	if (v->usual && !v->need && v->usual + v->usual / 4 < n)
		n = v->usual + v->usual / 4;
	return n;
}

/* Under the lock.  It was empty when we met it, and turns out to be an archive. */
static enum turn
is_packed(struct tail *t, enum packing how)
{
	struct intake *in = t->f->in;

	in->close(in, t->st, false, true);
	t->st = NULL;
	t->file.packed = how;
	t->fresh = true;
	return TURN_MORE;
}

/*
 * Looks for the end of a line that is longer than a batch, a batch's room at a time, and
 * before there is one asks for no more: a line may take days to grow.
 */
static enum turn
find_end(struct tail *t, struct view *v)
{
	struct files *f = t->f;
	struct batch *b = f->in->get(f->in, t->st, f->in->batch);
	const char *newline = NULL;
	enum turn turn;
	ssize_t n = 0;

	if (!b)
		return TURN_STOP;
	while (!newline && v->half <= f->max_line && t->offset + v->half < v->look.size) {
		n = fdio_pread(v->fd, b->bytes.data, f->in->batch, t->offset + v->half);
		if (n <= 0)
			break;
		newline = memchr(b->bytes.data, '\n', n);
		v->half += newline ? (size_t)(newline - b->bytes.data) : (size_t)n;
	}
	batch_unref(b);
	if (newline || v->half > f->max_line)
		v->need = v->half > f->max_line ? f->max_line + 2 : v->half + 1;
	if (!still(t, v))
		return TURN_MORE;
	t->half = v->half;
	t->need = v->need;
	turn = n < 0 ? tail_failed(t, n) : v->need ? TURN_MORE : TURN_END;
	weft_mutex_unlock(&f->lock);
	return turn;
}

/* Under the lock: there was nothing to read, where there should have been. */
static enum turn
shorter(struct tail *t, const struct view *v)
{
	struct look now;

	return look_fd(v->fd, &now) == 0 && now.size < v->look.size ? TURN_MORE :
	    tail_failed(t, -EIO);
}

static enum turn
read_on(struct tail *t, const struct view *v)
{
	struct files *f = t->f;
	uint64_t unread = v->look.size - t->offset;
	size_t room = v->need > f->in->batch ? v->need : f->in->batch;
	size_t want = wanted(v, room, unread);
	struct batch *b = f->in->get(f->in, t->st, room);
	enum packing how = PACKED_NOT;
	enum turn turn = TURN_MORE;
	uint64_t cut = t->cut;
	size_t used = 0;
	ssize_t n;
	int holds;

	if (!b)
		return TURN_STOP;
	n = fdio_pread(v->fd, b->bytes.data, want, t->offset);
	/* afterwards: so that what was read is what followed them */
	holds = n < 0 ? (int)n : n > 0 && trail_holds(&t->trail, v->fd, t->offset);
	if (holds > 0 && !t->offset)
		how = packing_of(b->bytes.data, n);
	if (holds > 0 && !how)
		used = find_lines(t, v, b, n, (size_t)n == unread);
	if (!still(t, v)) {
		t->cut = cut;
		batch_unref(b);
		return TURN_MORE;
	}
	if (holds > 0)
		tail_noticed(t, &v->look);
	if (how)
		turn = is_packed(t, how);
	else if (holds > 0 && used)
		turn = some_lines(t, v, b, n, used, (size_t)n == unread);
	else if (holds > 0)
		turn = no_line(t, v, b, n, (size_t)n == unread);
	else if (holds < 0)
		turn = tail_failed(t, holds);
	else if (n > 0)
		tail_truncated(t, &v->look);
	else
		turn = shorter(t, v);
	weft_mutex_unlock(&f->lock);
	if (used)
		f->in->submit(f->in, t->st, b);
	else
		batch_unref(b);
	return turn;
}

/* Under the lock: nothing new, as far as the size tells. */
static enum turn
check_end(struct tail *t, const struct view *v)
{
	int holds = tail_intact(t, v->fd, &v->look);

	if (holds > 0)
		return at_end(t, v);
	if (holds < 0)
		return tail_failed(t, holds);
	tail_truncated(t, &v->look);
	return TURN_MORE;
}

/* TURN_END, with the lock: it was looked at; else without it: the turn is over. */
static enum turn
look_at(struct tail *t, struct view *v)
{
	enum turn turn = TURN_END;
	int err;

	weft_mutex_lock(&t->f->lock);
	v->fd = t->file.fd;
	v->gen = t->gen;
	v->final = t->final;
	v->flush = t->flush;
	v->half = t->half;
	v->need = t->need;
	v->usual = t->usual;
	if (v->fd < 0)
		return turn;
	weft_mutex_unlock(&t->f->lock);
	err = look_fd(v->fd, &v->look);
	if (!still(t, v))
		return TURN_MORE;
	if (!err)
		return turn;
	turn = tail_failed(t, err);
	weft_mutex_unlock(&t->f->lock);
	return turn;
}

/* Under the lock: is there nothing to be read that was not there before? */
static bool
nothing_new(struct tail *t, struct view *v)
{
	/* others may have looked since, and have seen more of it */
	if (v->look.size < t->file.size && look_fd(v->fd, &v->look) < 0)
		return false;		/* reading it will tell */
	if (v->look.size < t->file.size || v->look.size <= t->offset)
		return true;
	return !v->final && !v->flush && v->look.size - t->offset <= t->half;
}

enum turn
tail_turn(struct tail *t, struct scratch *sc)
{
	struct files *f = t->f;
	struct view v = { .sc = sc };
	enum turn turn = look_at(t, &v);

	if (turn != TURN_END)
		return turn;
	if (t->doubt && !t->stolen && v.fd >= 0)
		tail_resolve(t, &v.look);
	if (t->doubt && !t->stolen) {
		weft_mutex_unlock(&f->lock);
		return TURN_END;
	}
	if (t->emptied && !t->stolen && v.fd >= 0 && v.look.size > 0)
		tail_skip_hole(t, &v.look);
	if (v.fd < 0 || t->stolen || nothing_new(t, &v)) {
		turn = TURN_OVER;
		if (v.fd < 0 || t->stolen)
			tail_over(t, !t->stolen);
		else
			turn = check_end(t, &v);
		weft_mutex_unlock(&f->lock);
		return turn;
	}
	weft_mutex_unlock(&f->lock);
	if (v.half >= f->in->batch && !v.need && !v.final && !t->group)
		return find_end(t, &v);
	return read_on(t, &v);
}
