/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When all goes well: whoever connects is shown the certificate that is in force at that
 * moment, and may show one of his own, which is looked at when a request needs it. What can go
 * wrong: a certificate and a key that do not fit, a client's certificate that is over or
 * foreign. Nothing of that ends a handshake: browsers have no certificate, and a refusal in
 * words is worth more than an alert of TLS. Not here: what a name may do (gate.c).
 */
#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdlib.h>
#include <string.h>

#include "controller/api/http_private.h"
#include "proto/base/xalloc.h"

#define CHAIN_MAX 16

struct api_identity {
	gnutls_x509_crt_t chain[CHAIN_MAX];
	unsigned count;
	gnutls_x509_privkey_t key;
	int64_t expires_s;
};

/* libmicrohttpd's callback has no argument of ours, and there is one HTTPS server. */
static struct api_identity *shown;

static bool
identity_err(struct err *e, const char *what, int code)
{
	return err_set(e, ERR_REFUSED, "%s: %s", what, gnutls_strerror(code));
}

static gnutls_datum_t
datum_of(const char *text)
{
	return (gnutls_datum_t){
	    .data = (unsigned char *)(uintptr_t)text, .size = (unsigned)strlen(text)};
}

/* Is it the key of the first certificate? Both have the same name for their public half. */
static bool
identity_fits(const struct api_identity *i, struct err *e)
{
	unsigned char of_certificate[64];
	unsigned char of_key[64];
	size_t certificate_size = sizeof(of_certificate);
	size_t key_size = sizeof(of_key);

	return (gnutls_x509_crt_get_key_id(i->chain[0], GNUTLS_KEYID_USE_SHA256,
		    of_certificate, &certificate_size) >= 0 &&
		   gnutls_x509_privkey_get_key_id(
		       i->key, GNUTLS_KEYID_USE_SHA256, of_key, &key_size) >= 0 &&
		   certificate_size == key_size &&
		   memcmp(of_certificate, of_key, key_size) == 0) ||
	       err_set(e, ERR_REFUSED,
		   "the certificate and the key do not belong together: "
		   "api_certificate_file wants the server's certificate first, "
		   "api_key_file the key of that one");
}

static bool
identity_read(struct api_identity *i, const char *certificate_pem, const char *key_pem,
    struct err *e)
{
	gnutls_datum_t certificate = datum_of(certificate_pem);
	gnutls_datum_t key = datum_of(key_pem);
	unsigned count = CHAIN_MAX;
	int code = gnutls_x509_crt_list_import(i->chain, &count, &certificate,
	    GNUTLS_X509_FMT_PEM, GNUTLS_X509_CRT_LIST_IMPORT_FAIL_IF_EXCEED);

	if (code < 1)
		return identity_err(e,
		    "the certificate cannot be used: it must be PEM, the server's first",
		    code == 0 ? GNUTLS_E_NO_CERTIFICATE_FOUND : code);
	i->count = count;
	if (gnutls_x509_privkey_init(&i->key) < 0)
		BUG("GnuTLS is out of memory");
	code = gnutls_x509_privkey_import2(i->key, &key, GNUTLS_X509_FMT_PEM, NULL, 0);
	return (code >= 0 ||
		   identity_err(e,
		       "the key cannot be used: it must be PEM, without a password",
		       code)) &&
	       identity_fits(i, e);
}

bool
api_identity_new(const char *certificate_pem, const char *key_pem,
    struct api_identity **out, struct err *e)
{
	struct api_identity *i = XNEW(struct api_identity);

	if (!identity_read(i, certificate_pem, key_pem, e)) {
		api_identity_free(&i);
		return false;
	}
	i->expires_s = (int64_t)gnutls_x509_crt_get_expiration_time(i->chain[0]);
	*out = i;
	return true;
}

void
api_identity_free(struct api_identity **i)
{
	if (*i == NULL)
		return;
	for (unsigned k = 0; k < (*i)->count; k++)
		gnutls_x509_crt_deinit((*i)->chain[k]);
	if ((*i)->key != NULL)
		gnutls_x509_privkey_deinit((*i)->key);
	xfree(i);
}

int64_t
api_identity_expires_s(const struct api_identity *i)
{
	return i->expires_s;
}

/*
 * For one handshake: a copy of its own, which the library frees. So a certificate can be
 * replaced while somebody is in the middle of being greeted with the old one.
 */
static int
on_certificate_wanted(gnutls_session_t session, const struct gnutls_cert_retr_st *info,
    gnutls_pcert_st **certificates, unsigned *count, gnutls_ocsp_data_st **ocsp,
    unsigned *ocsp_count, gnutls_privkey_t *key, unsigned *flags)
{
	gnutls_pcert_st *copy;
	unsigned copied = 0;

	(void)session;
	(void)info;
	if (shown == NULL || gnutls_privkey_init(key) < 0)
		return -1;
	copy = gnutls_calloc(shown->count, sizeof(*copy));
	while (copy != NULL && copied < shown->count &&
	       gnutls_pcert_import_x509(&copy[copied], shown->chain[copied], 0) >= 0)
		copied++;
	if (copied < shown->count || gnutls_privkey_import_x509(*key, shown->key,
					 GNUTLS_PRIVKEY_IMPORT_COPY) < 0) {
		while (copied > 0)
			gnutls_pcert_deinit(&copy[--copied]);
		gnutls_free(copy);
		gnutls_privkey_deinit(*key);
		return -1;
	}
	*certificates = copy;
	*count = copied;
	*ocsp = NULL;
	*ocsp_count = 0;
	*flags = GNUTLS_CERT_RETR_DEINIT_ALL;
	return 0;
}

void *
api_tls_callback(void)
{
	return (void *)(uintptr_t)on_certificate_wanted;
}

void
api_tls_show(struct api_identity *take)
{
	api_identity_free(&shown);
	shown = take;
}

/* --- what a client shows --- */

static bool
certificate_name(const gnutls_datum_t *der, char *out, size_t size)
{
	gnutls_x509_crt_t crt;
	size_t length = size;
	bool ok;

	if (gnutls_x509_crt_init(&crt) < 0)
		BUG("GnuTLS is out of memory");
	/* A NUL inside would make two names look like one. */
	ok = gnutls_x509_crt_import(crt, der, GNUTLS_X509_FMT_DER) >= 0 &&
	     gnutls_x509_crt_get_dn_by_oid(
		 crt, GNUTLS_OID_X520_COMMON_NAME, 0, 0, out, &length) >= 0 &&
	     strlen(out) == length;
	gnutls_x509_crt_deinit(crt);
	if (!ok)
		out[0] = '\0';
	return ok;
}

static bool
certificate_fingerprint(const gnutls_datum_t *der, char out[TLS_FINGERPRINT_TEXT])
{
	unsigned char bytes[TLS_FINGERPRINT_TEXT / 2];
	size_t size = sizeof(bytes);

	if (gnutls_fingerprint(GNUTLS_DIG_SHA256, der, bytes, &size) < 0)
		return false;
	for (size_t i = 0; i < size; i++)
		snprintf(out + 2 * i, 3, "%02x", bytes[i]);
	return true;
}

enum api_shown
api_certificate_of(const struct api_request *rq, struct api_certificate *out)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(
	    rq->connection->http, MHD_CONNECTION_INFO_GNUTLS_SESSION);
	gnutls_typed_vdata_st purpose = {.type = GNUTLS_DT_KEY_PURPOSE_OID,
	    .data = (unsigned char *)(uintptr_t)GNUTLS_KP_TLS_WWW_CLIENT};
	const unsigned dates = GNUTLS_CERT_EXPIRED | GNUTLS_CERT_NOT_ACTIVATED;
	const gnutls_datum_t *chain;
	unsigned count = 0;
	unsigned wrong = 0;

	memset(out, 0, sizeof(*out));
	chain = info == NULL || info->tls_session == NULL
		    ? NULL
		    : gnutls_certificate_get_peers(info->tls_session, &count);
	if (chain == NULL || count == 0)
		return API_SHOWN_NOTHING;
	if (gnutls_certificate_verify_peers(info->tls_session, &purpose, 1, &wrong) < 0)
		return API_SHOWN_FOREIGN;
	if ((wrong & ~(dates | (unsigned)GNUTLS_CERT_INVALID)) != 0 ||
	    (wrong != 0 && (wrong & dates) == 0))
		return API_SHOWN_FOREIGN;
	if (!certificate_name(&chain[0], out->name, sizeof(out->name)) ||
	    !certificate_fingerprint(&chain[0], out->fingerprint))
		return API_SHOWN_FOREIGN;
	return wrong != 0 ? API_SHOWN_ENDED : API_SHOWN_GOOD;
}
