using TorchSharp;

namespace KdPlugins.Torch.Native;

/// <summary>Loads libtorch's CUDA half where there is one, and believes in it only after a real computation.</summary>
internal static class CudaProbe
{
    internal const string NoLibraries = "This libtorch has no CUDA libraries.";

    internal static void LoadLibraries(IEnumerable<string?> libraries, Action<string> load, out string? failure)
    {
        failure = null;
        foreach (var library in libraries)
        {
            if (library is null)
            {
                failure = NoLibraries;
                return;
            }
            try
            {
                load(library);
            }
            catch (DllNotFoundException e)
            {
                failure =
                    $"{Path.GetFileName(library)} cannot be loaded: {e.Message.ReplaceLineEndings("\n").Split('\n', 2)[0]}";
                return;
            }
        }
    }

    internal static (bool Available, string Status) Check(string? loadFailure)
    {
        if (loadFailure is not null)
            return (false, loadFailure);
        try
        {
            // TorchSharp remembers a half-failed load as a success, so its own answer is not enough.
            torch.InitializeDeviceType(DeviceType.CUDA);
            using var scope = torch.NewDisposeScope();
            var sum = torch.ones(2, device: torch.CUDA).add(1).sum().item<float>();
            return sum == 4f
                ? (true, $"{torch.cuda.device_count()} CUDA device(s), computed on.")
                : (false, $"CUDA computed 2 + 2 = {sum}.");
        }
        catch (Exception e)
        {
            return (
                false,
                $"CUDA libraries are loaded, but no device computes: {e.Message.ReplaceLineEndings("\n").Split('\n', 2)[0]}"
            );
        }
    }
}
