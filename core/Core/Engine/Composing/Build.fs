namespace KdPlugins.Core

open System
open System.IO
open System.Reflection
open System.Security.Cryptography
open System.Text
open TorchSharp
open KdPlugins.Torch

/// SHA-256 in lower-case hexadecimal.
module internal FileHash =

    /// Of a file's bytes.
    let sha256 (path: string) =
        use file = File.OpenRead path
        Convert.ToHexStringLower(SHA256.HashData file)

    /// Of a text's UTF-8.
    let text (value: string) = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes value))

/// What this program is made of.
module internal Build =

    /// The version of this product.
    let version =
        Assembly.GetExecutingAssembly().GetCustomAttribute<AssemblyInformationalVersionAttribute>().InformationalVersion

    /// libtorch's version and the device's kind: what decides whether numbers can be equal bit for bit.
    let libtorch (device: torch.Device) =
        let info = NativeRuntime.Start()
        $"{torch.__version__} abi {info.AbiVersion:x} {device.``type``} threads {torch.get_num_threads ()}"
