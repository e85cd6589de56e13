/*
 * step_impl.h - what the kinds of steps share
 *
 * A kind embeds struct step as its first member, so that its own functions may cast.
 */
#ifndef WEFT_PIPELINE_STEP_IMPL_H
#define WEFT_PIPELINE_STEP_IMPL_H

#include <netinet/in.h>

#include "step.h"

/* One step's way over one batch. */
struct pass {
	struct scratch	*sc;
	struct batch	*b;
	int64_t		 now;		/* weft_now(), the same for all lines */
	void		*own;		/* the kind's */
};
/* Runs one over all lines that are kept, and counts what came and went on. */
typedef void step_line_fn(struct step *s, struct pass *p, struct line *l);
void	step_each(struct step *s, struct scratch *sc, struct batch *b, step_line_fn *one,
	    void *own);

/* step_failed for a line that step_each has counted as going on. */
void	step_failed_late(struct step *s, struct batch *b, struct line *l, const char *why);

/*
 * The name of a field that a step adds.  A line may have a field of that name, and then
 * ours gets an underscore in front, or as many as it takes: nothing that was read is hidden.
 */
#define STEP_UNDERSCORES 8
struct step_name { char *text; size_t len; };	/* text: the underscores, then the name */
/* prefix may be NULL, else it is put in front with a dot.  False: err says what is wrong. */
bool	step_name_init(struct step_name *n, const char *prefix, const char *name,
	    struct buf *err);
void	step_name_finish(struct step_name *n);
/* A field of that name, new or of an earlier step, whose value is to be set.  NULL: none. */
struct field *step_field(struct batch *b, struct line *l, const struct step_name *n);
/* The same with a value, which must outlive the batch or be of its memory. */
void	step_add(struct step *s, struct batch *b, struct line *l, const struct step_name *n,
	    const char *value, size_t len);

/* 128 bits of a text: two that differ have different ones. */
struct hash128 { uint64_t a, b; };
struct hash128 step_hash(const void *p, size_t len, uint64_t seed);

/* step_address.c: the address that a text is (brackets and a port may be around it). */
struct address { uint8_t bytes[16]; uint8_t len; }; /* 4 or 16 */
bool	step_address(const char *p, size_t len, struct address *out);
socklen_t step_sockaddr(const struct address *a, struct sockaddr_storage *out);

/*
 * line_edit.c: replaces parts of a line's text, which are in order and do not overlap, and
 * moves time, host, tag, message and fields along.  The line stays what it was parsed as.
 * Parts that lie behind the text (parse.h) can be edited too.  Fields that are JSON in a line
 * that is none stay as they were.
 */
struct edit {
	uint32_t from, to;		/* from l->text */
	uint32_t len;			/* of with */
	const char *with;
	ptrdiff_t shift_;		/* of what stands behind those before it */
};
void	line_edit(struct batch *b, struct line *l, struct edit *edits, size_t n);

/* template.c: text with {ref} and ${ENV} in it; the environment is read at once. */
struct template;
struct template *template_new(const char *text, struct wants *wants, struct buf *err);
void	template_free(struct template *t);
/* In t, or in room.  False: all of its refs are missing. */
bool	template_text(const struct template *t, const struct batch *b, const struct line *l,
	    struct buf *value, struct buf *room, struct text *out);

#endif
