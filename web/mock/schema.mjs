// The schema of an invented application, with each kind of param that the form knows.
export const PARAMS_SCHEMA = {
  $schema: 'http://json-schema.org/draft-07/schema#',
  type: 'object',
  description: 'A forecast of the demand of stores, week by week.',
  required: ['horizon'],
  properties: {
    horizon: {type: 'integer', title: 'Horizon', description: 'Weeks to look ahead.', minimum: 1, maximum: 104},
    smoothing: {type: 'number', title: 'Smoothing', description: 'How much the newest weeks count.', minimum: 0, maximum: 1, default: 0.4},
    season: {title: 'Season', oneOf: [{const: 'winter', title: 'Winter'}, {const: 'summer', title: 'Summer'}], default: 'winter'},
    damped: {type: 'boolean', title: 'Damped trend', default: true},
    title: {type: 'string', title: 'Title of the report', maxLength: 80},
    note: {type: ['string', 'null'], title: 'Note', maxLength: 2000, description: 'It is printed below the chart.'},
    measures: {type: 'array', title: 'Measures', uniqueItems: true, items: {enum: ['mae', 'mape', 'rmse']}},
    stores: {
      type: 'array', title: 'Stores', maxItems: 20, items: {$ref: '#/definitions/store'},
    },
    model: {
      title: 'Model', description: 'How the forecast is computed.',
      oneOf: [
        {title: 'Exponential smoothing', type: 'object', required: ['kind'], properties: {kind: {const: 'ets'}, trend: {enum: ['none', 'additive', 'multiplicative']}}, additionalProperties: false},
        {title: 'ARIMA', type: 'object', required: ['kind', 'order'], properties: {kind: {const: 'arima'}, order: {type: 'array', items: {type: 'integer', minimum: 0}, minItems: 3, maxItems: 3}}, additionalProperties: false},
      ],
    },
    calendar: {title: 'Calendar', description: 'Days that differ, by date.', type: 'object', additionalProperties: {type: 'number'}},
  },
  additionalProperties: false,
  definitions: {
    store: {type: 'object', title: 'Store', required: ['name'], properties: {name: {type: 'string', minLength: 1, title: 'Name'}, weight: {type: 'number', minimum: 0, title: 'Weight', default: 1}, tags: {type: 'array', title: 'Tags', items: {type: 'string'}}}, additionalProperties: false},
  },
};
