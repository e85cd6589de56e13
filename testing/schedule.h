/*
 * schedule.h - private: who runs next in an explored bubble
 *
 * A schedule is the list of the choices that were made whenever more than one goroutine
 * could run.  It comes from a seed, whose top bits name a strategy, or it follows a
 * list that was made before.  Either way the same choices are made again, as long as
 * the code under test depends on nothing else.
 */
#ifndef TESTING_SCHEDULE_H
#define TESTING_SCHEDULE_H

#include "harness.h"

enum strategy { STRATEGY_ALL, STRATEGY_RANDOM, STRATEGY_PCT, STRATEGY_CHAOS };

/*
 * strategy, depth and the binary logarithm of how many choices are expected (PCT spreads its
 * change points over so many) take the upper 16 bits of a seed, a number the rest.
 */
enum { SEED_NUMBER_BITS = 48, MOST_DEPTH = 15 };
uint64_t seed_make(enum strategy strategy, int depth, int log2_choices, uint64_t number);
enum strategy seed_strategy(uint64_t seed);

struct choice {
	int64_t	id;		/* of the goroutine that was chosen    */
	int64_t	from;		/* that could have gone on, or 0       */
};
struct choices { struct choice *at; size_t n, room; };

/* A step that was taken, for the story. */
struct told {
	int64_t		 id;
	const char	*what;
	const void	*pc;		/* or NULL */
	const struct weft_site *site;	/* where the goroutine came from, or NULL */
	bool		 preempted;	/* another one could have gone on */
};

struct schedule {
	uint64_t	 seed;
	struct rand	 rand, user;	/* for choices; for weft_choose */
	const struct choices *follow;	/* or NULL */
	size_t		 at;		/* in follow */
	size_t		 strays;	/* choices that could not be followed */
	struct choices	 made;
	uint64_t	 hash;		/* of made, and of what weft_choose drew */
	uint64_t	 steps;
	bool		 endless;	/* too many choices or steps: it was stopped */
	/* by goroutine, grown as they come */
	struct runner {
		int64_t		 priority;	/* 0: not drawn yet; then above, or lowered */
		uint32_t	 drawn;		/* what it was at first */
		const char	*what;		/* it is about to do, or NULL */
		uint64_t	 spun;		/* 1 + the step at which it did SPINS, or 0 */
		const void	*pc;
	}		*runners;
	size_t		 nrunners;
	int64_t		 last;		/* that had the turn */
	int64_t		 lowest;	/* priority given so far to one that yields */
	uint64_t	 change[16];	/* PCT: choices at which to lower the one that leads */
	uint64_t	 starve;	/* chaos: up to this choice the low ones are not chosen */
	uint64_t	 starve_next;	/* and again from this one on */
	struct told	*story;		/* NULL unless telling */
	size_t		 ntold, room;
	bool		 telling;
};

void	schedule_init(struct schedule *s, uint64_t seed, const struct choices *follow);
void	schedule_finish(struct schedule *s);
void	schedule_attach(struct schedule *s, struct bubble *b);	/* b->data's top test's */
void	schedule_detach(void);		/* when it has run */
size_t	schedule_preemptions(const struct choices *made);
void	choices_add(struct choices *list, struct choice c);

/* story.c */
void	story_print(const struct schedule *s, struct buf *out);

/* replay.c: .schedule files. */
struct replay { char *test; uint64_t seed; struct choices choices; };
bool	replay_write(const char *path, const char *test, uint64_t seed,
	    const struct choices *list);	/* false: errno says why */
bool	replay_read(const char *path, struct replay *r, struct buf *error);
void	replay_finish(struct replay *r);

#endif
