/*
 * turns.c - whose turn it is to be read, and how streams begin and end
 *
 * Readers are made when there is something to read and end when there is nothing; a tail that
 * has more goes to the end of the line.  Files that had a name one after the other are read
 * one after the other: the next waits until the one before has been at its end after the next
 * one had something.
 */
#include "source_files.h"

#include <stdlib.h>
#include <unistd.h>

#include "weft/time.h"

_Atomic int files_opened;

struct tail *
tail_new(struct files *f, const struct opened *file)
{
	struct tail *t = xcalloc(1, sizeof(*t));

	t->f = f;
	t->file = *file;
	t->final = f->o->once;
	t->born = file->id.btime;
	list_push_back(&f->tails, &t->all);
	list_init(&t->ready);
	f->active++;
	atomic_fetch_add(&files_opened, 1);
	files_enter(f, t);
	return t;
}

void
tail_update(struct tail *t)
{
	struct intake *in = t->f->in;

	if (t->late && t->st)
		in->update(in, t->st, t->file.path, &t->file.id);
	t->late = false;
}

void
tail_begin(struct tail *t, const struct known_file *k)
{
	struct intake *in = t->f->in;

	t->st = in->open(in, t->file.path, k, &t->file.id);
	if (!k)
		return;
	t->offset = k->at.offset;
	t->lines = k->at.lines;
	if (strcmp(k->path, t->file.path) != 0 ||
	    memcmp(&k->id, &t->file.id, sizeof(k->id)) != 0)
		t->late = true;
	if (!t->f->first)
		tail_update(t);
}

void
files_kick(struct files *f)
{
	weft_poll(weft_on_send(f->kick, 0));
}

/* One that gives its place up, or is done, finds the next; none: the goroutine ends. */
static struct tail *
next_ready(struct files *f)
{
	struct list *e = NULL;

	if (f->stopping || weft_err(f->ctx))
		return NULL;
	if (f->inflating < INFLATERS)
		e = list_pop_front(&f->packed);
	if (!e)
		e = list_pop_front(&f->ready);
	return e ? container_of(e, struct tail, ready) : NULL;
}

static void enqueue(struct tail *t);

static void
after_turn(struct tail *t, enum turn turn)
{
	struct files *f = t->f;
	bool asked = t->asked;

	t->state = TAIL_IDLE;
	t->caught = turn == TURN_END && !t->again;
	switch (turn) {
	case TURN_OVER:
		t->state = TAIL_OVER;
		if (!t->file.matched)
			tail_free(t);
		files_kick(f);
		return;
	case TURN_STOP:
		f->stopping = true;
		files_kick(f);
		return;
	case TURN_MORE:
		enqueue(t);
		return;
	default:
		if (turn == TURN_FAILED || (asked && t->caught && !t->file.packed))
			tail_release(t);
		if (t->again && turn != TURN_FAILED)
			enqueue(t);
		else if (t->due || !t->file.matched || f->o->once ||
		    (f->multiline && t->file.size > t->offset))
			files_kick(f);
	}
}

static void
read_files(struct files *f)
{
	struct scratch *sc = f->multiline ? scratch_new() : NULL;
	struct tail *t;
	enum turn turn;
	bool packed;

	weft_mutex_lock(&f->lock);
	while ((t = next_ready(f))) {
		t->state = TAIL_RUNNING;
		t->began = weft_now();
		t->again = false;
		packed = t->file.packed;
		f->inflating += packed;
		weft_mutex_unlock(&f->lock);
		turn = packed ? archive_turn(t, sc) : tail_turn(t, sc);
		weft_mutex_lock(&f->lock);
		f->inflating -= packed;
		after_turn(t, turn);
	}
	f->readers--;
	weft_mutex_unlock(&f->lock);
	scratch_free(sc);
}

static void
enqueue(struct tail *t)
{
	struct files *f = t->f;

	t->state = TAIL_READY;
	list_push_back(t->file.packed ? &f->packed : &f->ready, &t->ready);
	if (f->readers == READERS || f->stopping)
		return;
	f->readers++;
	weft_waitgroup_go(&f->wg, read_files, f);
}

void
tail_poke(struct tail *t)
{
	t->caught = false;
	if (t->state == TAIL_RUNNING) {
		t->again = true;
	} else if (t->state == TAIL_IDLE && t->after) {
		/* an empty one need not hurry those before it, unless somebody waits for it */
		if (t->file.size > 0 || t->final || !t->file.matched || t->asked) {
			t->after->asked = true;
			tail_poke(t->after);
		}
	} else if (t->state == TAIL_IDLE && t->due <= weft_now()) {
		t->due = 0;
		enqueue(t);
	}
}

void
tail_follows(struct tail *t, struct tail *after)
{
	if (after->state == TAIL_OVER || after == t)
		return;
	while (after->next)		/* it has gone on in a copy: behind all of them */
		after = after->next;
	if (after == t)
		return;
	t->after = after;
	after->next = t;
}

static void
not_holder(struct tail *t)
{
	size_t n = t->held ? strlen(t->held) : 0;
	uint64_t hash = map_hash(t->held, n);
	struct map_entry *e = n ? map_find(&t->f->holders, t->held, n, hash) : NULL;

	if (e && e->value == t)
		map_delete(&t->f->holders, t->held, n, hash, NULL);
	free(t->held);
	t->held = NULL;
}

void
tail_holds(struct tail *t, const char *path)
{
	size_t n = strlen(path);
	struct map_entry *e = map_insert(&t->f->holders, path, n, map_hash(path, n), NULL);

	if (e->value == t)
		return;
	if (e->value)
		tail_follows(t, e->value);
	e->value = t;
	if (!t->held)
		t->held = xstrdup(path);
}

void
tail_release(struct tail *t)
{
	struct tail *next = t->next;

	t->asked = false;
	if (!next)
		return;
	t->next = NULL;
	next->after = NULL;
	tail_poke(next);
}

void
tail_over(struct tail *t, bool done)
{
	struct files *f = t->f;
	struct look l = { 0 };
	struct known_file k = { 0 };
	bool gone = t->file.fd < 0 || (look_fd(t->file.fd, &l) == 0 && l.nlink == 0);

	if (t->file.matched)
		files_unwatch(f, t);	/* its inode stays known: it was read */
	else
		files_leave(f, t);
	if (done)
		tail_update(t);
	if (t->st)
		f->in->close(f->in, t->st, done, done && gone);
	if (done && t->file.path && (t->file.id.head_len || t->offset)) {
		k.path = t->file.path;
		k.id = t->file.id;
		k.done = true;
		place_of(t, &k.at);
		past_add(f, &k, false);
	}
	t->st = NULL;
	if (t->file.fd >= 0)
		close(t->file.fd);
	t->file.fd = -1;
	if (t->state != TAIL_RUNNING)	/* else its reader says so, and may free it */
		t->state = TAIL_OVER;
	f->active--;
	atomic_fetch_sub(&files_opened, 1);
	if (t->after)
		t->after->next = t->next;
	if (t->next && t->after) {
		t->next->after = t->after;
		t->next = NULL;
	}
	t->after = NULL;
	tail_release(t);
}

void
tail_free(struct tail *t)
{
	assert_always(t->state == TAIL_OVER && !t->next);
	files_leave(t->f, t);
	not_holder(t);
	list_remove(&t->all);
	list_remove(&t->ready);
	free(t->file.path);
	free(t);
}
