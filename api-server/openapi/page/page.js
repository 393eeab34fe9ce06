"use strict";
// Nothing is stored, and no other server is asked: validatorUrl would send the document away.
window.addEventListener("DOMContentLoaded", () => {
  window.ui = SwaggerUIBundle({
    url: "api/v1/openapi.json",
    dom_id: "#page",
    deepLinking: true,
    displayRequestDuration: true,
    filter: true,
    persistAuthorization: false,
    tryItOutEnabled: true,
    validatorUrl: null,
  });
});
