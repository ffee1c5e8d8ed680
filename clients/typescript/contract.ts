// Compares responses with the OpenAPI document, and is stricter than the document asks for: it allows no member that
// the schema does not list, and checks the version of UUIDs.

import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import formats from "ajv-formats";

/** A response, with the request that it answers. */
export interface Reply {
  method: string;
  /** The path, without the query. */
  path: string;
  status: number;
  /** The value of a header, or null. */
  header(name: string): string | null;
  body: string;
}

export type Schema = { [keyword: string]: unknown };
type Referable<T> = T | { $ref: string };

interface Header {
  required?: boolean;
  schema: Schema;
}

interface Response {
  headers?: Record<string, Referable<Header>>;
  content?: Record<string, { schema: Schema }>;
}

export interface Parameter {
  name: string;
  in: string;
}

export interface Operation {
  operationId: string;
  parameters?: Parameter[];
  requestBody?: unknown;
  responses: Record<string, Referable<Response>>;
  security?: unknown[];
}

export interface Document {
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, Schema> };
}

/** RFC 9562, section 4: the version is 1 to 8, and the variant is 10xx. */
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** The media type of an error. */
const PROBLEM = "application/problem+json";

export class Contract {
  readonly #findings = new Set<string>();
  readonly #document: Document;
  readonly #seen = new Set<string>();
  readonly #ajv = new Ajv2020({ allErrors: true, verbose: true, strict: true, allowUnionTypes: true });
  readonly #validators = new Map<Schema, ValidateFunction>();

  constructor(document: Document) {
    this.#document = document;
    formats.default(this.#ajv);
    this.#ajv.addFormat("uuid", UUID);
    // In OpenAPI, the keyword is an annotation.
    this.#ajv.addVocabulary(["example"]);
    for (const [name, schema] of Object.entries(document.components.schemas)) {
      this.#ajv.addSchema(this.#closed(schema, true), name);
    }
  }

  /** All operations, with their method and path. */
  operations(): { method: string; path: string; operation: Operation }[] {
    return Object.entries(this.#document.paths).flatMap(([path, item]) =>
      Object.entries(item).map(([method, operation]) => ({ method: method.toUpperCase(), path, operation })),
    );
  }

  /** Compares a response with what the document promises, and records the differences. */
  check(reply: Reply): void {
    const item = this.#item(reply.path);
    const operation = item?.[reply.method === "HEAD" ? "get" : reply.method.toLowerCase()];
    const report = (text: string) => {
      const path = operation === undefined ? reply.path : operation.operationId;
      this.#findings.add(`${reply.method} ${path}, ${reply.status}: ${text}`);
    };
    if (operation === undefined) {
      this.#checkWithoutOperation(reply, item, report);
      return;
    }
    const response = operation.responses[reply.status];
    if (response === undefined) {
      report("the status is not documented");
      return;
    }
    this.#seen.add(`${operation.operationId} ${reply.status}`);
    const { headers = {}, content } = this.#resolved(response);
    for (const [name, header] of Object.entries(headers)) {
      this.#checkHeader(name, this.#resolved(header), reply, report);
    }
    this.#checkBody(content, reply, report);
  }

  /** Records the documented responses that no reply had, except those with one of these statuses. */
  checkAllSeen(except: readonly string[]): void {
    for (const { operation } of this.operations()) {
      for (const status of Object.keys(operation.responses).filter((status) => !except.includes(status))) {
        const response = `${operation.operationId} ${status}`;
        if (!this.#seen.has(response)) this.#findings.add(`${response}: documented, but no request got it`);
      }
    }
  }

  /** Prints all findings. The process fails if there are any. */
  finish(): void {
    for (const finding of this.#findings) console.error(finding);
    if (this.#findings.size > 0) process.exitCode = 1;
    console.log(`${this.#seen.size} different responses, ${this.#findings.size} findings`);
  }

  /** The item of a path. A path without variables is preferred. */
  #item(path: string): Record<string, Operation> | undefined {
    const matches = (template: string) =>
      new RegExp(`^${template.replaceAll(".", "\\.").replace(/\{\w+\}/g, "[^/]+")}$`).test(path);
    return this.#document.paths[path] ?? Object.entries(this.#document.paths).find(([key]) => matches(key))?.[1];
  }

  #checkWithoutOperation(
    reply: Reply,
    item: Record<string, Operation> | undefined,
    report: (text: string) => void,
  ): void {
    if (reply.status !== (item === undefined ? 404 : 405)) {
      report("no operation has this method and path");
    }
    if (item !== undefined) {
      const methods = Object.keys(item).map((method) => method.toUpperCase());
      const expected = [...methods, ...(methods.includes("GET") ? ["HEAD"] : [])].sort();
      const allowed = (reply.header("Allow") ?? "").split(/, */).sort();
      if (allowed.join() !== expected.join()) report(`Allow is ${allowed.join()}, not ${expected.join()}`);
    }
    this.#checkBody({ [PROBLEM]: { schema: { $ref: "#/components/schemas/ProblemDetails" } } }, reply, report);
  }

  #checkHeader(name: string, { required, schema }: Header, reply: Reply, report: (text: string) => void): void {
    const value = reply.header(name);
    if (value === null) {
      if (required === true) report(`the header ${name} is missing`);
      return;
    }
    const isNumber = schema["type"] === "integer" && /^\d+$/.test(value);
    this.#validate(schema, isNumber ? Number(value) : value, `the header ${name}`, report);
  }

  #checkBody(content: Response["content"], reply: Reply, report: (text: string) => void): void {
    if (content === undefined) {
      if (reply.body !== "") report("the body is not empty");
      if (reply.header("Content-Type") !== null) report("a response without a body has a Content-Type");
      return;
    }
    const mediaType = reply.header("Content-Type")?.split(";")[0] ?? "none";
    const described = content[mediaType];
    if (described === undefined) {
      report(`the media type ${mediaType} is not documented`);
      return;
    }
    if (reply.method === "HEAD") {
      if (reply.body !== "") report("a response to HEAD has a body");
      return;
    }
    let value: unknown = reply.body;
    if (mediaType.endsWith("json")) {
      try {
        value = JSON.parse(reply.body);
      } catch (error) {
        report(`the body is not JSON: ${error}`);
        return;
      }
    }
    this.#validate(described.schema, value, "the body", report);
  }

  #validate(schema: Schema, value: unknown, what: string, report: (text: string) => void): void {
    let validate = this.#validators.get(schema);
    if (validate === undefined) {
      validate = this.#ajv.compile(this.#closed(schema, false));
      this.#validators.set(schema, validate);
    }
    validate(value);
    for (const { instancePath, message, data, params } of validate.errors ?? []) {
      report(`${what}${instancePath} ${message} ${JSON.stringify(params)}: ${JSON.stringify(data)}`);
    }
  }

  #resolved<T extends object>(value: Referable<T>): T {
    if (!("$ref" in value)) return value;
    const names = value.$ref.replace("#/", "").split("/");
    return names.reduce<unknown>((parent, name) => (parent as Record<string, unknown>)[name], this.#document) as T;
  }

  /**
   * A schema whose objects allow no other members. The parts of an `allOf` stay open, because the members of each are
   * unknown to the others. So do components, because they can be such parts: each reference closes its object.
   */
  #closed(schema: Schema, isPart: boolean): Schema {
    const close = (value: unknown) => this.#closed(value as Schema, false);
    const result: Schema = { ...schema };
    if (typeof schema["$ref"] === "string") {
      result["$ref"] = schema["$ref"].split("/").at(-1);
    }
    for (const keyword of ["items", "additionalProperties"]) {
      if (typeof schema[keyword] === "object") result[keyword] = close(schema[keyword]);
    }
    for (const keyword of ["oneOf", "anyOf"]) {
      if (Array.isArray(schema[keyword])) result[keyword] = schema[keyword].map(close);
    }
    if (Array.isArray(schema["allOf"])) {
      result["allOf"] = schema["allOf"].map((part: Schema) => this.#closed(part, true));
    }
    if (typeof schema["properties"] === "object") {
      const properties = Object.entries(schema["properties"] as Record<string, Schema>);
      result["properties"] = Object.fromEntries(properties.map(([name, property]) => [name, close(property)]));
    }
    if (!isPart && this.#isOpenObject(schema)) {
      result["type"] = "object";
      result["unevaluatedProperties"] = false;
    }
    return result;
  }

  /** Whether a schema is an object that does not say whether it allows other members. */
  #isOpenObject(schema: Schema): boolean {
    const target: Schema = this.#resolved(schema);
    const hasMembers = "properties" in target || "allOf" in target;
    return hasMembers && !("additionalProperties" in target);
  }
}
