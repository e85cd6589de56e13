/*
 * schema.h - what keys a map of the configuration has, and where their values go
 *
 * A schema is a table; schema_read does the rest: unknown keys and wrong types with their
 * places, names that were nearly right, ${ENV}, and paths that count from the file.  What a
 * scalar means follows from its key alone.  A value that is wrong leaves its place as it was.
 */
#ifndef WEFT_PIPELINE_SCHEMA_H
#define WEFT_PIPELINE_SCHEMA_H

#include <stdint.h>

#include "yaml.h"

struct texts { const char **item; int n; };		/* item[n] is NULL */
struct pairs { const char **name, **value; int n; };
struct rate { int64_t events, per; };

enum key_type {
	KEY_TEXT,		/* const char *                                */
	KEY_BOOL,		/* bool                                        */
	KEY_INTEGER,		/* int64_t, from min to max                    */
	KEY_SIZE,		/* uint64_t                                    */
	KEY_DURATION,		/* int64_t, ns                                 */
	KEY_RATE,		/* struct rate                                 */
	KEY_SHARE,		/* double                                      */
	KEY_CHOICE,		/* int, one of choices                         */
	KEY_TEXTS,		/* struct texts; one text will do              */
	KEY_PAIRS,		/* struct pairs                                */
	KEY_OBJECT,		/* a map with a schema of its own              */
	KEY_OTHER		/* read knows; NULL: somebody reads it later   */
};

/* What a text is, beside a text.  A template has {names} in it. */
enum path { PATH_NONE, PATH_FILE, PATH_PATTERN, PATH_ADDRESS, PATH_TEMPLATE };

struct choice { const char *name; int value; };	/* the last has no name */
struct reading;

struct key {
	const char	*name;
	enum key_type	 type;
	size_t		 at;		/* of the value in the struct to fill in */
	const struct choice *choices;
	const struct schema *sub;
	void		(*read)(struct reading *r, const struct yaml *y, void *out);
	int64_t		 min, max;	/* max 0: no limits */
	enum path	 path;
	/*
	 * Maps of several kinds: the key of the same number as bit decides that it is of that kind;
	 * the others belong to the kinds in mask, 0 to all.
	 */
	unsigned	 kind, only;
};
struct schema {
	const char	*what;		/* "a source": for messages        */
	const char	*kinds;		/* "file, syslog or stdin", or NULL: it has none */
	const struct key *keys;		/* the last has no name            */
};

/* One file that is being read. */
struct reading {
	struct complaints *complaints;
	const char	*dir;		/* "" or ending in a slash: where paths count from */
	void		**owned;	/* what the values are made of     */
	size_t		 nowned, room;
};

/* The kind's bit, 0 if there is none or it is in doubt.  y NULL or nothing: an empty map. */
unsigned schema_read(struct reading *r, const struct yaml *y, const struct schema *s, void *out);

/* For KEY_OTHER: a text of y, expanded; NULL: complained. */
const char *schema_text(struct reading *r, const struct yaml *y, const char *key);
bool	schema_texts(struct reading *r, const struct yaml *y, const char *key, struct texts *out);
bool	schema_pairs(struct reading *r, const struct yaml *y, const char *key, struct pairs *out);
bool	schema_choice(struct reading *r, const struct yaml *y, const char *key,
	    const struct choice *choices, int *out);

void	*reading_own(struct reading *r, void *p);	/* freed with r; returns p */
void	reading_finish(struct reading *r);

#endif
