// ONNX Runtime looks hosts up within seconds of being loaded unless this is set before its library is: a gateway phones nobody.
// biome-ignore lint/style/noProcessEnv: this writes a variable for a native library, it reads no setting
process.env.ORT_DISABLE_TELEMETRY = '1';
