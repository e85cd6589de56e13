/*
 * step_dedup.c - dedup: lines that say what one has just said
 *
 * By a value: lines are equal whose texts of it are.  By nothing: those whose message,
 * level, tag, host and source are.  The first of some equal ones goes on, the others do not until
 * the window is over, which began with the first: so what repeats for ever is seen once
 * in a window, and not never.  A line that has nothing to be compared by goes on.
 *
 * What was seen is 128 bits of hash in a table of fixed size, in sets of WAYS.  When a set
 * is full its oldest entry goes, and a repeated line may go on: a flood of different
 * lines costs no memory and drops nothing that is not repeated.
 */
#include <stdlib.h>

#include "step_impl.h"
#include "weft/sync.h"

#define WAYS	8
#define SETS	8192		/* a power of two: with WAYS, 1.5 MiB, touched as it is used */
#define LOCKS	64

struct seen {
	struct hash128	 hash;
	int64_t		 until;		/* end of its window; 0: never used */
};

struct dedup {
	struct step	 step;
	struct ref	*by;		/* NULL: message and what is around it */
	struct ref	*message;
	int64_t		 window;
	uint64_t	 seed;
	struct seen	*sets;
	weft_mutex	 locks[LOCKS];	/* set s: locks[s % LOCKS]; nothing is called under one */
};

/* True if it was there, in its window; else it is from now on. */
static bool
look(struct seen *set, struct hash128 hash, int64_t now, int64_t window)
{
	struct seen *oldest = set;

	for (int i = 0; i < WAYS; i++) {
		struct seen *e = &set[i];

		if (e->hash.a == hash.a && e->hash.b == hash.b) {
			if (now < e->until)
				return true;
			e->until = now + window;
			return false;
		}
		if (e->until < oldest->until)
			oldest = e;
	}
	*oldest = (struct seen){ hash, now + window };
	return false;
}

static bool
is_repeated(struct dedup *d, struct hash128 hash, int64_t now)
{
	size_t set = hash.a % SETS;
	weft_mutex *lock = &d->locks[set % LOCKS];
	bool seen;

	weft_mutex_lock(lock);
	seen = look(d->sets + set * WAYS, hash, now, d->window);
	weft_mutex_unlock(lock);
	return seen;
}

static uint64_t
hash_part(const char *p, size_t len, uint64_t seed)
{
	return step_hash(p, len, seed).a;
}

/* Everything but the message, folded into the seed. */
static uint64_t
hash_around(const struct batch *b, const struct line *l, uint64_t seed)
{
	const char *source = batch_source_name(b);

	seed = hash_part(source, strlen(source), seed) + l->level;
	seed = hash_part(l->text + l->host.off, l->host.len, seed);
	return hash_part(l->text + l->tag.off, l->tag.len, seed);
}

static bool
hash_line(struct dedup *d, struct pass *p, struct line *l, struct hash128 *out)
{
	uint64_t seed = d->by ? d->seed : hash_around(p->b, l, d->seed);
	struct text text;

	if (!ref_text(d->by ? d->by : d->message, p->b, l, scratch_room(p->sc), &text))
		return false;
	*out = step_hash(text.p, text.len, seed);
	return true;
}

static void
one(struct step *s, struct pass *p, struct line *l)
{
	struct dedup *d = (struct dedup *)s;
	struct hash128 hash;

	if (hash_line(d, p, l, &hash) && is_repeated(d, hash, p->now))
		l->fate = REPEATED;
}

static void
run(struct step *s, struct scratch *sc, struct batch *b)
{
	step_each(s, sc, b, one, NULL);
}

static void
finish(struct step *s)
{
	struct dedup *d = (struct dedup *)s;

	ref_free(d->by);
	ref_free(d->message);
	free(d->sets);
	free(d);
}

struct step *
step_dedup(int64_t window, const char *by, struct buf *err)
{
	struct dedup *d;

	if (window < 1) {
		buf_adds(err, "a window is some time, such as 10s");
		return NULL;
	}
	d = xcalloc(1, sizeof(*d));
	d->step = (struct step){ .kind = "dedup", .run = run, .free = finish };
	d->by = by ? ref_new(by, &d->step.wants, err) : NULL;
	if (by && !d->by) {
		free(d);
		return NULL;
	}
	d->message = ref_new("message", &d->step.wants, err);
	d->window = window;
	d->seed = weft_random();
	d->sets = xcalloc(SETS * WAYS, sizeof(*d->sets));
	return &d->step;
}
