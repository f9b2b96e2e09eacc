// What the token allows, as far as it says itself. This decides only what is offered: the service
// judges every request anyway. Without a token the service is open, and everybody may do everything.

import { token } from "./api.js";

const claims = () => {
  try {
    const payload = token().split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
    const bytes = Uint8Array.from(atob(payload), (letter) => letter.charCodeAt(0));
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return null;
  }
};

const list = (value) => (Array.isArray(value) ? value : typeof value === "string" ? value.split(" ") : []);

const any = (...roles) => {
  const held = claims();
  if (!held) return true;
  const names = [...list(held.roles), ...list(held.scope)];
  return roles.some((role) => names.includes(role));
};

export const mayWrite = (dialect) =>
  dialect === "mattr" ? any("admin", "dts-provider") : any("admin", "contacts:write");
export const mayErase = () => any("admin");
export const mayResend = () => any("admin");
export const mayAudit = () => any("admin", "auditor");

/** The tenant that a form for a dialect begins with: the token's own, or the one of an open service. */
export const ownTenant = (dialect, otherwise) => {
  const held = claims();
  const tenants = held ? list(held.tenant) : [];
  const named = tenants.map((entry) => entry.split("/")).filter((parts) => parts.at(-1) !== "*" && (parts.length === 1 || parts[0] === dialect));
  return named[0]?.at(-1) ?? otherwise;
};
