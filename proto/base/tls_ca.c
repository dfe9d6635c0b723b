/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The controller's two certificate authorities, a P-256 key each: ca.key for names like
 * "controller" and "node:NAME", operators.key for people, "operator:NAME". Serial numbers
 * are random; of agents nothing is revoked, a lost identity is answered by a new CA
 * (docs/operations.md). Whose certificate of a person still counts the journal says.
 */
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "proto/base/tls_private.h"

#define BACKDATE_S 300 /* clocks of containers differ a little */

static const struct ca {
	const char *key_file, *pem_file, *name;
	const char *use; /* of what it issues */
	const char *warning, *missing;
} nodes_ca = {"ca.key", "ca.pem", "zmferry CA", "serverAuth,clientAuth",
    "a new CA would shut out every agent", "run: zmferry-controller init"},
  operators_ca = {"operators.key", "operators.pem", "zmferry operators CA", "clientAuth",
      "a new CA would shut out every operator", "start the controller anew: it makes it"};

static const struct ca *
ca_of(const char *common_name)
{
	return strncmp(common_name, TLS_OPERATOR, sizeof(TLS_OPERATOR) - 1) == 0
		   ? &operators_ca
		   : &nodes_ca;
}

static bool
ca_path(char *out, size_t size, const char *dir, const char *name, struct err *e)
{
	return snprintf(out, size, "%s/%s", dir, name) < (int)size ||
	       err_set(e, ERR_REFUSED, "%s: the path is too long", dir);
}

static bool
ca_extension(X509 *certificate, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *extension;
	bool ok;

	X509V3_set_ctx_nodb(&ctx);
	X509V3_set_ctx(&ctx, issuer, certificate, NULL, NULL, 0);
	extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	ok = extension != NULL && X509_add_ext(certificate, extension, -1) == 1;
	X509_EXTENSION_free(extension);
	return ok;
}

/* A certificate for key with this common name; issuer NULL = self-signed CA. */
static X509 *
ca_certificate(const char *common_name, unsigned days, EVP_PKEY *key, X509 *issuer,
    EVP_PKEY *issuer_key)
{
	X509 *c = X509_new();
	X509_NAME *name = c == NULL ? NULL : X509_get_subject_name(c);
	unsigned char serial[16];
	BIGNUM *number = NULL;
	bool is_ca = issuer == NULL;
	bool ok;

	if (c == NULL || RAND_bytes(serial, sizeof(serial)) != 1) {
		X509_free(c);
		return NULL;
	}
	serial[0] &= 0x7f;
	number = BN_bin2bn(serial, sizeof(serial), NULL);
	ok = number != NULL &&
	     BN_to_ASN1_INTEGER(number, X509_get_serialNumber(c)) != NULL &&
	     X509_set_version(c, 2) == 1 &&
	     X509_gmtime_adj(X509_getm_notBefore(c), -BACKDATE_S) != NULL &&
	     X509_time_adj_ex(X509_getm_notAfter(c), (int)days, 0, NULL) != NULL &&
	     X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8,
		 (const unsigned char *)common_name, -1, -1, 0) == 1 &&
	     X509_set_issuer_name(c, is_ca ? name : X509_get_subject_name(issuer)) == 1 &&
	     X509_set_pubkey(c, key) == 1 &&
	     ca_extension(c, is_ca ? c : issuer, NID_basic_constraints,
		 is_ca ? "critical,CA:TRUE,pathlen:0" : "critical,CA:FALSE") &&
	     ca_extension(c, is_ca ? c : issuer, NID_key_usage,
		 is_ca ? "critical,keyCertSign,cRLSign" : "critical,digitalSignature") &&
	     (is_ca ||
		 ca_extension(c, issuer, NID_ext_key_usage, ca_of(common_name)->use)) &&
	     ca_extension(c, is_ca ? c : issuer, NID_subject_key_identifier, "hash") &&
	     X509_sign(c, is_ca ? key : issuer_key, EVP_sha256()) > 0;
	BN_free(number);
	if (ok)
		return c;
	X509_free(c);
	return NULL;
}

static bool
ca_write_file(
    const char *path, mode_t mode, BIO *content, const char *warning, struct err *e)
{
	char *data;
	long length = BIO_get_mem_data(content, &data);
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
	bool ok;

	if (fd < 0 && errno == EEXIST)
		return err_set(e, ERR_REFUSED,
		    "%s: is there already; %s, move it away first if that is meant", path,
		    warning);
	if (fd < 0)
		return err_errno(e, ERR_REFUSED, errno, "%s", path);
	ok = write(fd, data, (size_t)length) == length && fsync(fd) == 0;
	if (close(fd) == 0 && ok)
		return true;
	err_errno(e, ERR_RETRY, errno, "%s", path);
	unlink(path); /* half a file would be taken for a CA the next time */
	return false;
}

static bool
ca_create(const struct ca *which, const char *dir, unsigned days, struct err *e)
{
	char key_path[512];
	char pem_path[512];
	EVP_PKEY *key = NULL;
	X509 *ca = NULL;
	BIO *key_text = BIO_new(BIO_s_mem());
	BIO *pem_text = BIO_new(BIO_s_mem());
	bool ok = false;

	if (!ca_path(key_path, sizeof(key_path), dir, which->key_file, e) ||
	    !ca_path(pem_path, sizeof(pem_path), dir, which->pem_file, e))
		goto out;
	key = EVP_EC_gen("P-256");
	ca = key == NULL ? NULL : ca_certificate(which->name, days, key, NULL, NULL);
	if (ca == NULL ||
	    PEM_write_bio_PrivateKey(key_text, key, NULL, NULL, 0, NULL, NULL) != 1 ||
	    PEM_write_bio_X509(pem_text, ca) != 1) {
		tls_err(e, ERR_RETRY, "making the certificate authority");
		goto out;
	}
	ok = ca_write_file(key_path, 0400, key_text, which->warning, e);
	if (ok && !ca_write_file(pem_path, 0444, pem_text, which->warning, e)) {
		ok = false;
		unlink(
		    key_path); /* a new key beside an old certificate would sign what nobody trusts */
	}
out:
	EVP_PKEY_free(key);
	X509_free(ca);
	BIO_free(key_text);
	BIO_free(pem_text);
	return ok;
}

bool
tls_ca_create(const char *dir, unsigned days, struct err *e)
{
	return ca_create(&nodes_ca, dir, days, e);
}

bool
tls_ca_create_operators(const char *dir, unsigned days, struct err *e)
{
	return ca_create(&operators_ca, dir, days, e);
}

static bool
ca_load(const struct ca *which, const char *dir, EVP_PKEY **key_out, X509 **ca_out,
    struct err *e)
{
	char path[512];
	BIO *file;

	if (!ca_path(path, sizeof(path), dir, which->key_file, e))
		return false;
	file = BIO_new_file(path, "r");
	if (file != NULL && !tls_check_mode(path, e)) {
		BIO_free(file);
		return false;
	}
	if (file != NULL)
		*key_out = PEM_read_bio_PrivateKey(file, NULL, NULL, NULL);
	BIO_free(file);
	if (*key_out == NULL) {
		tls_err(e, ERR_REFUSED, path);
		return err_wrap(e, "no certificate authority (%s)", which->missing);
	}
	if (!ca_path(path, sizeof(path), dir, which->pem_file, e))
		return false;
	file = BIO_new_file(path, "r");
	if (file != NULL)
		*ca_out = PEM_read_bio_X509(file, NULL, NULL, NULL);
	BIO_free(file);
	if (*ca_out == NULL)
		return tls_err(e, ERR_REFUSED, path);
	if (X509_check_private_key(*ca_out, *key_out) == 1)
		return true;
	ERR_clear_error();
	return err_set(e, ERR_REFUSED,
	    "%s: does not belong to the %s beside it; restore both from one backup", path,
	    which->key_file);
}

bool
tls_ca_issue(const char *dir, const char *common_name, unsigned days,
    struct buf *bundle_out, struct err *e)
{
	EVP_PKEY *ca_key = NULL;
	EVP_PKEY *key = NULL;
	X509 *ca = NULL;
	X509 *certificate = NULL;
	BIO *text = BIO_new(BIO_s_mem());
	char *data;
	long length;
	bool ok = false;

	/* X.520 allows 64 characters in a common name, OpenSSL enforces it. */
	if (strlen(common_name) > 64) {
		err_set(e, ERR_REFUSED,
		    "\"%s\": a name in a certificate has at most 64 characters",
		    common_name);
		goto out;
	}
	if (!ca_load(ca_of(common_name), dir, &ca_key, &ca, e))
		goto out;
	key = EVP_EC_gen("P-256");
	certificate =
	    key == NULL ? NULL : ca_certificate(common_name, days, key, ca, ca_key);
	if (certificate == NULL ||
	    PEM_write_bio_PrivateKey(text, key, NULL, NULL, 0, NULL, NULL) != 1 ||
	    PEM_write_bio_X509(text, certificate) != 1 ||
	    PEM_write_bio_X509(text, ca) != 1) {
		tls_err(e, ERR_RETRY, "issuing a certificate");
		goto out;
	}
	length = BIO_get_mem_data(text, &data);
	ok = buf_add(bundle_out, data, (size_t)length) ||
	     err_set(e, ERR_RETRY, "no room for the bundle");
out:
	EVP_PKEY_free(ca_key);
	EVP_PKEY_free(key);
	X509_free(ca);
	X509_free(certificate);
	BIO_free(text);
	return ok;
}

bool
tls_bundle_look(const char *pem, char fingerprint_out[TLS_FINGERPRINT_TEXT],
    int64_t *expires_s_out, struct err *e)
{
	unsigned char bytes[EVP_MAX_MD_SIZE];
	unsigned size = 0;
	BIO *text = BIO_new_mem_buf(pem, -1);
	X509 *c = text == NULL ? NULL : PEM_read_bio_X509(text, NULL, NULL, NULL);
	bool ok = c != NULL && X509_digest(c, EVP_sha256(), bytes, &size) == 1 &&
		  size * 2 + 1 == TLS_FINGERPRINT_TEXT;

	for (unsigned i = 0; ok && i < size; i++)
		snprintf(fingerprint_out + 2 * (size_t)i, 3, "%02x", bytes[i]);
	if (ok)
		*expires_s_out = tls_not_after(c);
	X509_free(c);
	BIO_free(text);
	return ok || tls_err(e, ERR_REFUSED, "this holds no certificate");
}
