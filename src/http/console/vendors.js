// The vendors' own requests, as they document them: what the forms for creating and changing contacts
// begin with.

import { emailOf, nameOf } from "./card.js";
import { ownTenant } from "./rights.js";

const MATTR = ["87880d7e-a4d0-462e-8383-3f1e5e16865d", "a24e391a-c27f-4b6e-9805-1ee7e03f3c58"];

/** The path, the further headers and the body of a create, with the token's own tenant put in. */
export const CREATES = {
  native: () => ({
    path: `/contacts?tenant=${encodeURIComponent(ownTenant("native", "default"))}`,
    body: { name: { full: "Ann Example" }, emails: { work: { address: "ann@example.org" } } },
  }),
  mattr: () => ({
    path: `/v1/ecosystems/${encodeURIComponent(ownTenant("mattr", MATTR[0]))}/participants/${MATTR[1]}/contacts`,
    body: { fullName: "John Doe", active: true },
  }),
  oracle: () => ({
    path: "/ec-site-svc/rest/v1.0/contacts",
    body: {
      contact: { id: "B1B8327AFAA6412287106192AB5984EF", firstName: "John", lastName: "Doe" },
      contactAddressesDetails: [{ id: "C36A3197FDEE433FB5547EE83DE99E4B" }],
      modes: ["test"],
      properties: [{ id: "C36A3197FDEE433FB5547EE83DE99E4B" }],
    },
  }),
  emnify: () => ({
    path: `/api/v1/organisation/${encodeURIComponent(ownTenant("emnify", "1"))}/contact`,
    body: {
      type: { id: 1 }, name: "Marc Muller", title: "Ing", department: "Sales", street: "1st street", zipcode: "10224",
      city: "Berlin", country: { id: 1 }, email: "user@domain.com", phone: "+497 554 776 653", mobile: "+497 554 776 653",
    },
  }),
  thena: () => ({
    path: "/v1/accounts/contacts",
    headers: { "x-org-id": ownTenant("thena", "default") },
    body: {
      firstName: "John", lastName: "Doe", email: "john.doe@example.com", phoneNumber: "+1234567890", contactType: "CT123",
      avatarUrl: "https://example.com/avatar.png", accountIds: ["A123", "A456"], customFieldValues: [{}],
    },
  }),
  kare: () => ({
    path: `/main/companies/v2/rs/${encodeURIComponent(ownTenant("kare", "1"))}/contacts`,
    headers: { "x-session-token": "" },
    body: [{ name: "Company Contact Name", notify: true, email: "example@email.com", phones: ["phone1", "phone2"], comment: "Company contact comment" }],
  }),
};

const part = (card, kind) => card.name?.components?.find((component) => component.kind === kind)?.value;

/** A contact in the words of the vendor that it came from, and where that vendor takes a change of it. */
export const UPDATES = {
  mattr: ({ owner, vendorId, card }) => ({
    method: "PUT",
    path: `/v1/ecosystems/${owner.ecosystemId}/participants/${owner.participantId}/contacts/${vendorId}`,
    body: { fullName: nameOf(card), active: card["mattr.global:active"] ?? true },
  }),
  oracle: ({ vendorId, card }) => ({
    method: "PUT",
    path: `/ec-site-svc/rest/v1.0/contacts/${vendorId}`,
    body: {
      contact: { firstName: part(card, "given"), lastName: part(card, "surname") },
      contactAddressesDetails: Object.values(card.addresses ?? {}).map((address) => ({ id: address["oracle.com:id"] })),
      modes: (card["oracle.com:modes"] ?? []).map((mode) => mode.modeCodeValue ?? mode),
      properties: card["oracle.com:properties"] ?? [],
    },
  }),
  emnify: ({ owner, vendorId, card }) => ({
    method: "PATCH",
    path: `/api/v1/organisation/${owner.org_id}/contact/${vendorId}`,
    body: { name: nameOf(card), email: emailOf(card) || undefined },
  }),
  thena: ({ owner, vendorId, card }) => ({
    method: "PUT",
    path: `/v1/accounts/contacts/${vendorId}`,
    headers: { "x-org-id": owner["x-org-id"] },
    body: { firstName: part(card, "given"), lastName: part(card, "surname"), email: emailOf(card) || undefined },
  }),
  kare: ({ owner, vendorId, card }) => ({
    method: "PATCH",
    path: `/main/companies/v2/rs/${owner.companyId}/contacts/${vendorId}`,
    headers: { "x-session-token": "" },
    body: { name: nameOf(card), notify: card["kare-app.fr:notify"] ?? false, email: emailOf(card) || undefined },
  }),
};
