using TorchSharp;

namespace KdPlugins.Torch.Native;

/// <summary>Loads libtorch's CUDA half where there is one, and believes in it only after a real computation.</summary>
internal static class CudaProbe
{
    internal const string NoLibraries = "This libtorch has no CUDA libraries.";
    private static readonly string[] Libraries = ["libc10_cuda.so", "libtorch_cuda.so"];

    /// <summary>The name by which TorchSharp asks for a library, such as <c>torch_cuda</c>.</summary>
    internal static string NameOf(string path) => Path.GetFileNameWithoutExtension(path)["lib".Length..];

    /// <summary>Loads the libraries in order; says why one cannot be, or null where all are.</summary>
    internal static string? LoadLibraries(Func<string, string?> find, Action<string> load)
    {
        foreach (var library in Libraries)
        {
            if (find(library) is not { } path)
                return NoLibraries;
            try
            {
                load(path);
            }
            catch (DllNotFoundException e)
            {
                return $"{library} cannot be loaded: {NativeLoader.Reason(e)}.";
            }
        }
        return null;
    }

    /// <summary>Computes on the device; TorchSharp's own answer is not enough, it remembers a half-failed load as a success.</summary>
    internal static (bool Available, string Status) Check()
    {
        try
        {
            torch.InitializeDeviceType(DeviceType.CUDA);
            using var scope = torch.NewDisposeScope();
            var sum = torch.ones(2, device: torch.CUDA).add(1).sum().item<float>();
            return sum == 4f
                ? (true, $"{torch.cuda.device_count()} CUDA device(s), computed on.")
                : (false, $"CUDA computed 2 + 2 = {sum}.");
        }
        catch (Exception e)
        {
            return (false, $"CUDA libraries are loaded, but no device computes: {NativeLoader.Reason(e)}");
        }
    }
}
