/* config_impl.h - what the files that read configurations share */
#ifndef WEFT_PIPELINE_CONFIG_IMPL_H
#define WEFT_PIPELINE_CONFIG_IMPL_H

#include "config.h"

/* KEY_OTHER, each for a key of the whole: they find their struct config by the reading in it. */
void	config_read_sources(struct reading *r, const struct yaml *y, void *out);
void	config_read_steps(struct reading *r, const struct yaml *y, void *out);
void	config_read_outputs(struct reading *r, const struct yaml *y, void *out);
void	config_read_tests(struct reading *r, const struct yaml *y, void *out);

/*
 * The entries of a map of named things: an array of *n of size bytes, each beginning with
 * a struct config_item and filled in by its schema.
 */
void	*config_items(struct reading *r, const struct yaml *y, const char *key,
	    const struct schema *s, size_t size, int *n);
/* How many complaints there are: what grows has been complained about. */
int	config_count(const struct config *c);
/* The place of an item's key, or of the item. */
struct spot config_place(const struct config_item *i, const char *key);

/* Names that must fit: after everything is read. */
void	config_check_sources(struct config *c);
void	config_check_outputs(struct config *c);
void	config_check_tests(struct config *c);

/* "there is no source "ap"; did you mean "app"?" */
void	config_no_source(struct config *c, struct spot at, const char *name);
void	config_no_step(struct config *c, struct spot at, const char *name);
void	config_no_output(struct config *c, struct spot at, const char *name);

#endif
