// Types that openapi-typescript makes of openapi.json, and the client that OpenAPI Generator makes
// of it for fetch, against contactd in open mode.
//   node client.js URL
import type { components } from "./types";
import {
  Configuration,
  EmnifyApi,
  KareApi,
  MattrApi,
  NativeApi,
  NativeCard,
  OracleApi,
  ResponseError,
  ThenaApi,
} from "./fetch";

const basePath = process.argv[2];
const settings = new Configuration({ basePath });

const check = (holds: boolean, told: unknown): void => {
  if (!holds) throw new Error(JSON.stringify(told));
};

/** The refusal's body, as the types have it. */
const refused = async <Body>(status: number, call: Promise<unknown>): Promise<Body> => {
  const error = await call.then(() => undefined, (error: unknown) => error);
  check(error instanceof ResponseError && error.response.status === status, String(error));
  return (await (error as ResponseError).response.json()) as Body;
};

const native = async (): Promise<void> => {
  const api = new NativeApi(settings);
  const nativeCard: NativeCard = {
    name: { full: "Ann Example" },
    emails: { work: { address: "ann@example.com" } },
  };
  const made = await api.nativeCreate({ nativeCard, tenant: "acme" });
  check(made.card.name?.full === "Ann Example", made);
  const page = await api.nativeList({ tenant: "acme", email: "ann@example.com" });
  check(page.data.length === 1 && page.data[0]?.card.name?.full === "Ann Example", page);
  const body = { name: { full: "Ann Other" } };
  const changed = await api.nativeUpdate({ id: made.id, body, ifMatch: '"1"' });
  check(changed?.card.name?.full === "Ann Other", changed);
  const wrong = await refused<components["schemas"]["NativeError"]>(
    400,
    api.nativeCreate({ nativeCard: { emails: { work: { address: "nobody" } } } }),
  );
  check(wrong.violations?.[0]?.code === "format", wrong);
};

/** With the types alone, by a request of one's own. */
const typed = async (): Promise<void> => {
  const answer = await fetch(`${basePath}/contacts?tenant=acme`);
  const page = (await answer.json()) as components["schemas"]["NativeContacts"];
  const full: string | undefined = page.data[0]?.card.name?.full;
  check(full === "Ann Other", page);
};

const vendors = async (): Promise<void> => {
  const ids = { ecosystemId: crypto.randomUUID(), participantId: crypto.randomUUID() };
  const person = await new MattrApi(settings).mattrCreate({
    ...ids,
    mattrPointOfContact: { fullName: "John Doe", active: true },
  });
  check(person.fullName === "John Doe", person);
  const contact = await new OracleApi(settings).oracleCreate({
    oracleContactModelDto: {
      contact: { firstName: "John", lastName: "Doe" },
      contactAddressesDetails: new Set([{ addressPostalcode: "80202" }]),
    },
  });
  check(contact.lastName === "Doe", contact);
  const emnify = new EmnifyApi(settings);
  await emnify.emnifyCreate({ orgId: "7", emnifyNewContact: { type: { id: 1 }, name: "Jane" } });
  const listed = await emnify.emnifyList({ orgId: "7" });
  check(listed.some((one) => one.name === "Jane"), listed);
  const customer = await new ThenaApi(settings).thenaCreate({
    xOrgId: "acme",
    thenaNewContact: { firstName: "Ann", email: "ann@example.com" },
  });
  check(customer.email === "ann@example.com", customer);
  const inserted = await new KareApi(settings).kareCreate({
    companyId: 21,
    kareNewContact: [{ name: "Kay", phones: ["+33 1 23 45 67 89"], notify: true }],
  });
  check(inserted.nbInsertion === 1, inserted);
};

const main = async (): Promise<void> => {
  await native();
  await typed();
  await vendors();
  console.log("the TypeScript clients are content");
};

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
