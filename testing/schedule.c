/*
 * schedule.c - strategies: random, PCT, chaos, and following a list
 *
 * PCT (probabilistic concurrency testing) runs the goroutine of the highest priority,
 * priorities being random, and lowers the leader's at a few random choices: a bug that
 * needs d ordered events is met with a probability that has a floor.  Chaos starves
 * some goroutines for a while, which PCT does not.  Random treats all alike.
 *
 * choose is called with the bubble's lock held; nothing else in the bubble runs then.
 */
#include "schedule.h"

#include <stdlib.h>

#include "../weft/sanitize.h"

enum {
	MAX_CHOICES = 1000000,		/* a run that needs more does not end */
	SPIN_REST = 32,			/* choices before a spinner's next look */
	FAIR = 512,			/* one choice in so many is not PCT's but anybody's */
	CHAOS_GOROUTINES = 10, CHAOS_MAIN = 30,	/* per cent that are low */
};

uint64_t seed_make(enum strategy strategy, int depth, int log2_choices, uint64_t number)
{
	return (uint64_t)strategy << 60 | (uint64_t)(depth & 15) << 56 |
	    (uint64_t)(log2_choices & 255) << SEED_NUMBER_BITS |
	    (number & ((UINT64_C(1) << SEED_NUMBER_BITS) - 1));
}

enum strategy seed_strategy(uint64_t seed)
{
	enum strategy s = (enum strategy)(seed >> 60);

	return s == STRATEGY_PCT || s == STRATEGY_CHAOS ? s : STRATEGY_RANDOM;
}

static int seed_depth(uint64_t seed) { return (int)(seed >> 56 & 15); }

static uint64_t seed_choices(uint64_t seed)
{
	return UINT64_C(1) << (seed >> SEED_NUMBER_BITS & 31);
}

/* One seed, a generator for each purpose: a draw more of one leaves the others alone. */
static void fork_rand(struct rand *r, uint64_t seed, uint64_t purpose)
{
	rand_seed(r, seed ^ purpose * UINT64_C(0x9e3779b97f4a7c15));
}

void schedule_init(struct schedule *s, uint64_t seed, const struct choices *follow)
{
	memset(s, 0, sizeof *s);
	s->seed = seed;
	s->follow = follow;
	s->lowest = -16;		/* below the change points' */
	fork_rand(&s->rand, seed, 1);
	fork_rand(&s->user, seed, 2);
	for (int i = 0; i + 1 < seed_depth(seed); i++)
		s->change[i] = 1 + rand_next(&s->rand) % seed_choices(seed);
}

void schedule_finish(struct schedule *s)
{
	free(s->made.at);
	free(s->runners);
	free(s->story);
}

/* Goroutines of the bubble come here in turn, and nothing that a race detector sees orders them. */
static void *grow(void *p, size_t n)
{
	san_ignore_begin();
	p = xrealloc(p, n);
	san_ignore_end();
	return p;
}

void choices_add(struct choices *list, struct choice c)
{
	if (list->n == list->room) {
		list->room = list->room ? 2 * list->room : 64;
		list->at = grow(list->at, list->room * sizeof *list->at);
	}
	list->at[list->n++] = c;
}

size_t schedule_preemptions(const struct choices *made)
{
	size_t n = 0;

	for (size_t i = 0; i < made->n; i++)
		n += made->at[i].from && made->at[i].id != made->at[i].from;
	return n;
}

static struct runner *runner(struct schedule *s, int64_t id)
{
	size_t i = (size_t)id, n = s->nrunners;

	if (i >= n) {
		while (i >= n)
			n = n ? 2 * n : 16;
		s->runners = grow(s->runners, n * sizeof *s->runners);
		for (size_t k = s->nrunners; k < n; k++)
			s->runners[k] = (struct runner){0};
		s->nrunners = n;
	}
	return &s->runners[i];
}

/* Drawn when it is first seen, so that the order of the draws is that of the run. */
static struct runner *drawn(struct schedule *s, int64_t id)
{
	struct runner *r = runner(s, id);

	if (!r->drawn) {
		r->drawn = 1 + rand_below(&s->rand, UINT32_MAX);
		if (!r->priority)
			r->priority = r->drawn;
	}
	return r;
}

/* Who waits for a lock of the runtime's gets nowhere before its holder does. */
static bool spins(struct schedule *s, struct bubble *b, size_t i)
{
	struct runner *r = runner(s, bubble_candidate(b, i).id);

	return r->spun && s->steps + 1 - r->spun < SPIN_REST;
}

static int64_t priority(struct schedule *s, struct bubble *b, size_t i)
{
	return spins(s, b, i) ? INT64_MIN : drawn(s, bubble_candidate(b, i).id)->priority;
}

static size_t leader(struct schedule *s, struct bubble *b, size_t n)
{
	size_t best = 0;

	for (size_t i = 1; i < n; i++)
		if (priority(s, b, i) > priority(s, b, best))
			best = i;
	return best;
}

static size_t choose_pct(struct schedule *s, struct bubble *b, size_t n)
{
	size_t best = leader(s, b, n);

	for (int i = 0; i + 1 < seed_depth(s->seed); i++)
		if (s->change[i] == s->made.n + 1) {
			runner(s, bubble_candidate(b, best).id)->priority = -1 - i;
			best = leader(s, b, n);
		}
	/* Who is never done would starve the rest for ever. */
	return s->made.n % FAIR == FAIR - 1 ? rand_below(&s->rand, (uint32_t)n) : best;
}

/* The test's own goroutine is low more often. */
static bool is_low(struct schedule *s, int64_t id)
{
	return drawn(s, id)->drawn % 100 < (id == 1 ? CHAOS_MAIN : CHAOS_GOROUTINES);
}

/* Intervals of 1 to 1,024 choices, each followed by four times as many without: a fifth at most. */
static size_t choose_chaos(struct schedule *s, struct bubble *b, size_t n)
{
	uint64_t now = s->made.n;
	size_t high = 0, skip;

	if (now >= s->starve_next && rand_below(&s->rand, 16) == 0) {
		uint64_t length = UINT64_C(1) << rand_below(&s->rand, 11);

		s->starve = now + length;
		s->starve_next = now + 5 * length;
	}
	for (size_t i = 0; i < n; i++)
		high += !is_low(s, bubble_candidate(b, i).id);
	if (now >= s->starve || !high)
		return rand_below(&s->rand, (uint32_t)n);
	skip = rand_below(&s->rand, (uint32_t)high);
	for (size_t i = 0;; i++)
		if (!is_low(s, bubble_candidate(b, i).id) && skip-- == 0)
			return i;
}

/* What cannot be followed is left out.  After the end nobody is stopped who can go on. */
static size_t follow(struct schedule *s, struct bubble *b, size_t n, bool going_on)
{
	while (s->at < s->follow->n) {
		int64_t id = s->follow->at[s->at++].id;

		for (size_t i = 0; i < n; i++)
			if (bubble_candidate(b, i).id == id)
				return i;
		s->strays++;
	}
	return going_on ? n - 1 : 0;
}

static size_t decide(struct schedule *s, struct bubble *b, size_t n, bool going_on)
{
	enum strategy strategy = seed_strategy(s->seed);
	size_t i;

	if (s->follow)
		return follow(s, b, n, going_on);
	if (strategy == STRATEGY_PCT)
		return choose_pct(s, b, n);
	for (int tries = 0; tries < 3; tries++) {
		i = strategy == STRATEGY_CHAOS ? choose_chaos(s, b, n) :
		    rand_below(&s->rand, (uint32_t)n);
		if (!spins(s, b, i))
			break;
	}
	return i;
}

static void mix(struct schedule *s, uint64_t x)
{
	s->hash = (s->hash ^ x) * UINT64_C(0x100000001b3);
}

static void tell(struct schedule *s, struct candidate c, bool preempted)
{
	struct runner *r = runner(s, c.id);

	if (s->ntold == s->room) {
		s->room = s->room ? 2 * s->room : 64;
		s->story = grow(s->story, s->room * sizeof *s->story);
	}
	s->story[s->ntold++] = (struct told){ c.id, !c.g ? "begins" : r->what ? r->what :
	    "goes on", r->pc, c.g ? c.g->site : NULL, preempted };
	r->what = NULL;
	r->pc = NULL;
}

static void stop(weft_t *t, struct schedule *s)
{
	s->endless = true;
	t->bubble->frozen = true;
	if (test_move(t, T_STUCK))
		wakeup_set(&t->done, NULL);
}

static size_t choose(struct bubble *b, size_t n, bool going_on)
{
	weft_t *t = b->data;
	struct schedule *s = t->schedule;
	struct candidate c;
	size_t i = 0;

	if (n > 1)
		i = decide(s, b, n, going_on);
	c = bubble_candidate(b, i);
	runner(s, c.id)->spun = 0;
	if (n > 1) {
		choices_add(&s->made, (struct choice){ c.id, going_on ? s->last : 0 });
		mix(s, (uint64_t)c.id);
	}
	if (s->telling)
		tell(s, c, going_on && c.id != s->last);
	s->last = c.id;
	if ((s->made.n == MAX_CHOICES || ++s->steps == 4 * MAX_CHOICES) && !s->endless)
		stop(t, s);
	return i;
}

static bool step(struct bubble *b, struct g *g, const char *what, const void *pc)
{
	weft_t *t = b->data;
	struct runner *r = runner(t->schedule, g->id);

	r->what = what;
	r->pc = pc;
	if (what == YIELDS)	/* or one that spins would starve the rest */
		r->priority = --t->schedule->lowest;
	if (what == SPINS)
		r->spun = t->schedule->steps + 1;
	return true;
}

void schedule_attach(struct schedule *s, struct bubble *b)
{
	weft_t *t = b->data;

	t->schedule = s;
	fork_rand(&b->rand, s->seed, 3);
	b->choose = choose;
	b->step = step;
	__atomic_fetch_add(&sched.explored, 1, __ATOMIC_SEQ_CST);
}

void schedule_detach(void)
{
	__atomic_fetch_sub(&sched.explored, 1, __ATOMIC_SEQ_CST);
}

int weft_choose(int n)
{
	struct bubble *b = bubble_current();
	struct schedule *s = b ? ((weft_t *)b->data)->schedule : NULL;
	uint32_t drawn;

	if (n < 1)
		die("weft_choose: %d is not above zero", n);
	if (!s)
		return 0;
	drawn = rand_below(&s->user, (uint32_t)n);
	mix(s, drawn + 1);
	return (int)drawn;
}
