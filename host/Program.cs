using KdPlugins.Host;
using KdPlugins.Host.Commands;

return CommandLine.Run(args, Screen.OfConsole(args));
