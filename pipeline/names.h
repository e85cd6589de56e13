/* names.h - under which names programs write level, time, message and host */
#ifndef WEFT_PIPELINE_NAMES_H
#define WEFT_PIPELINE_NAMES_H

#include <string.h>

#include "batch.h"

enum name { NAME_OTHER, NAME_LEVEL, NAME_TIME, NAME_MESSAGE, NAME_HOST, NAME_SOURCE, NAME_SEQ };

#define NAME_IS(text) (len == sizeof(text) - 1 && memcmp(k, text, sizeof(text) - 1) == 0)

/* Inline, for it is asked about every member of every line. */
static inline enum name
name_of(const char *k, size_t len)
{
	switch (len ? k[0] : 0) {
	case 'l':
		if (NAME_IS("log"))	/* Docker's, with its newline; an object is none of it */
			return NAME_MESSAGE;
		return NAME_IS("level") || NAME_IS("lvl") || NAME_IS("log.level") ||
		    NAME_IS("loglevel") || NAME_IS("levelname") ? NAME_LEVEL : NAME_OTHER;
	case 's':
		if (NAME_IS("source"))
			return NAME_SOURCE;
		if (NAME_IS("seq"))
			return NAME_SEQ;
		return NAME_IS("severity") ? NAME_LEVEL : NAME_OTHER;
	case 'h':
		return NAME_IS("host") || NAME_IS("hostname") ? NAME_HOST : NAME_OTHER;
	case 't':
		return NAME_IS("ts") || NAME_IS("time") || NAME_IS("timestamp") ? NAME_TIME :
		    NAME_OTHER;
	case '@':
		return NAME_IS("@timestamp") || NAME_IS("@t") ? NAME_TIME :
		    NAME_IS("@l") ? NAME_LEVEL : NAME_IS("@m") ? NAME_MESSAGE : NAME_OTHER;
	case 'm':
		return NAME_IS("msg") || NAME_IS("message") ? NAME_MESSAGE : NAME_OTHER;
	case 'd':
		return NAME_IS("datetime") ? NAME_TIME : NAME_OTHER;
	}
	return NAME_OTHER;
}
#undef NAME_IS

/* What a field of that name takes from the names that are put on every line. */
static inline int
name_has(const char *k, size_t len)
{
	enum name name = name_of(k, len);

	if (name == NAME_HOST)
		return len == 4 ? HAS_HOST : 0;
	return name == NAME_SOURCE ? HAS_SOURCE : name == NAME_SEQ ? HAS_SEQ : 0;
}

#endif
