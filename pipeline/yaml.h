/*
 * yaml.h - the part of YAML that configurations need, as a tree that knows its places
 *
 * Scalars are texts; what they mean is the reader's business, so that a country "no" stays
 * one.  Anchors, aliases, tags and several documents are refused, and so is a key that
 * is there twice: each has surprised somebody.  At most YAML_SIZE bytes and YAML_DEPTH
 * levels.
 */
#ifndef WEFT_PIPELINE_YAML_H
#define WEFT_PIPELINE_YAML_H

#include "complaints.h"

#define YAML_SIZE	(1 << 20)
#define YAML_DEPTH	32

enum yaml_kind { YAML_TEXT, YAML_LIST, YAML_MAP };

/* Never NULL pointers; a list's or map's text is "".  Owned by the document. */
struct yaml {
	enum yaml_kind	kind;
	bool		empty;		/* nothing, ~ or null, and not in quotes */
	struct spot	at;
	const char	*text;
	struct yaml	**item;		/* of a list, or the values of a map ... */
	struct yaml	**key;		/* ... and their keys, which are texts   */
	int		 n;
	/* the document's */
	struct yaml	*next;
	int		 room;
};

struct yaml_doc { struct yaml *root, *all; };

/* False: c says what is wrong.  root is NULL if it is not YAML at all, or empty. */
bool	yaml_parse(struct yaml_doc *doc, const char *text, size_t len, struct complaints *c);
void	yaml_finish(struct yaml_doc *doc);

/* The value of a map's key, or NULL; also when y is none, or NULL. */
struct yaml *yaml_get(const struct yaml *y, const char *key);
/* "a list", "empty", or the text in quotes, shortened: for messages.  Good until out is. */
const char *yaml_what(const struct yaml *y, char out[80]);

#endif
