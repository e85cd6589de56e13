/*
 * step_limit.c - limit: so many lines in so long, of all together or of each value
 *
 * The time is that of the pipeline, once per batch: a log that is read late is not limited
 * by the pace at which it was written.  A value's bucket is remembered until KEYS others
 * were used since; one that comes back then starts with a full bucket.  So a flood of
 * values cannot eat the memory, and no line is dropped that a larger memory would have kept.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "patterns/lru.h"
#include "patterns/ratelimit.h"
#include "step_impl.h"

#define KEYS	32768

struct limit {
	struct step	 step;
	struct ref	*per;		/* NULL: all have one bucket */
	int64_t		 events, ns;
	int		 burst;
	uint64_t	 seed;
	weft_ratelimit	*all;
	weft_lru	*keys;		/* of hash128, to weft_ratelimit */
};

static int
load(weft_ctx *ctx, const void *key, size_t len, void *arg, void **value, int64_t *cost)
{
	struct limit *m = arg;

	(void)ctx, (void)key, (void)len, (void)cost;
	*value = weft_ratelimit_new(m->events, m->ns, m->burst);
	return 0;
}

static void
drop(void *value)
{
	weft_ratelimit_free(value);
}

static bool
allow_key(struct limit *m, const struct text *key, int64_t now)
{
	struct hash128 hash = step_hash(key->p, key->len, m->seed);
	weft_lru_item *item;
	bool allowed;

	if (weft_lru_get_or_load(NULL, m->keys, &hash, sizeof(hash), &item) != 0)
		return true;
	allowed = weft_ratelimit_allow_at(item->value, now, 1);
	weft_lru_release(item);
	return allowed;
}

/* Lines without the value have a bucket of their own. */
static void
one(struct step *s, struct pass *p, struct line *l)
{
	struct limit *m = (struct limit *)s;
	struct text key;
	bool allowed;

	if (m->per && ref_text(m->per, p->b, l, scratch_room(p->sc), &key))
		allowed = allow_key(m, &key, p->now);
	else
		allowed = weft_ratelimit_allow_at(m->all, p->now, 1);
	if (!allowed)
		l->fate = LIMITED;
}

static void
run(struct step *s, struct scratch *sc, struct batch *b)
{
	step_each(s, sc, b, one, NULL);
}

static void
finish(struct step *s)
{
	struct limit *m = (struct limit *)s;

	ref_free(m->per);
	weft_ratelimit_free(m->all);
	weft_lru_free(m->keys);
	free(m);
}

static bool
check(int64_t events, int64_t per_ns, int64_t burst, struct buf *err)
{
	if (events < 1 || events > INT32_MAX)
		buf_printf(err, "a limit is of 1 to %d lines, not of %" PRId64, INT32_MAX, events);
	else if (per_ns < 1)
		buf_adds(err, "a limit is for some time, such as 1s");
	else if (burst < 0 || burst > INT32_MAX)
		buf_printf(err, "a burst is of 1 to %d lines, not of %" PRId64, INT32_MAX, burst);
	else
		return true;
	return false;
}

struct step *
step_limit(int64_t events, int64_t per_ns, int64_t burst, const char *per, struct buf *err)
{
	struct limit *m;

	if (!check(events, per_ns, burst, err))
		return NULL;
	m = xcalloc(1, sizeof(*m));
	m->step = (struct step){ .kind = "limit", .run = run, .free = finish };
	m->events = events;
	m->ns = per_ns;
	m->burst = burst ? burst : events;
	m->per = per ? ref_new(per, &m->step.wants, err) : NULL;
	if (per && !m->per) {
		free(m);
		return NULL;
	}
	m->seed = weft_random();
	m->all = weft_ratelimit_new(events, per_ns, m->burst);
	if (per)
		m->keys = weft_lru_new((struct weft_lru_options){ .max = KEYS, .load = load,
		    .drop = drop, .arg = m });
	return &m->step;
}
